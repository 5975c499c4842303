"""Runs a command and prints what it used: wall seconds, CPU seconds, peak resident set in GiB.

usage: usage.py COMMAND ARGUMENT...
"""
import resource
import subprocess
import sys
import time

start = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(f"{time.perf_counter() - start:.3f} {used.ru_utime + used.ru_stime:.3f} {used.ru_maxrss / 2**20:.3f}")

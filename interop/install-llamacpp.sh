#!/bin/sh
# Installs llama.cpp's shared library for the tests of this folder into .cache/llamacpp,
# as the npm package @node-llama-cpp/linux-x64 brings it. Does nothing the second time.
set -eu
version=3.22.1
cd "$(dirname "$0")"
dir=.cache/llamacpp-$version
[ -e "$dir/libllama.so" ] && exit 0

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
(cd "$tmp" && npm pack --silent "@node-llama-cpp/linux-x64@$version" >/dev/null && tar -xzf ./*.tgz)
mkdir -p .cache
rm -rf "$dir"
mv "$tmp"/package/bins/linux-x64 "$dir"

# The program that loads them asks for libNAME.so; the package has libNAME.so.VERSION or libNAME.VERSION.so.
cd "$dir"
for file in lib*.so*; do
    short=${file%%.*}.so
    [ -e "$short" ] || ln -s "$file" "$short"
done
# libllama.so last: it marks the installation complete.
ls libllama.so >/dev/null

# Medians of each case for moreau and its peer, and how many times better moreau is.
#
# usage: awk -v unit=UNIT -v peer=NAME [-v better=more] [-v peak=GFLOPS] -f ratios.awk
# Lines are "CASE<TAB>WHO<TAB>VALUE"; WHO other than moreau is the peer. Less is better
# unless better=more; with peak, moreau's share of it is a column. Prints a Markdown table.
BEGIN { FS = "\t" }
!($1 in seen) { seen[$1]; cases[++n] = $1 }
{ who = $2 == "moreau" ? 0 : 1; v[$1, who, ++count[$1, who]] = $3 }

function median(c, who, k, i, j, x, s) {
  k = count[c, who]
  for (i = 1; i <= k; i++) {
    x = v[c, who, i] + 0
    for (j = i; j > 1 && s[j - 1] > x; j--) s[j] = s[j - 1]
    s[j] = x
  }
  return k % 2 ? s[(k + 1) / 2] : (s[k / 2] + s[k / 2 + 1]) / 2
}

END {
  printf "| case | moreau, %s | %s, %s | times better |%s\n", unit, peer, unit, peak ? " of FMA peak |" : ""
  printf "|---|---|---|---|%s\n", peak ? "---|" : ""
  for (i = 1; i <= n; i++) {
    c = cases[i]
    ours = median(c, 0); theirs = median(c, 1)
    if (!ours || !theirs) { printf "| %s | %s | %s | | missing\n", c, ours, theirs; continue }
    format = unit == "GFLOP/s" ? "%.0f" : "%.2f"
    printf "| %s | " format " | " format " | %.2f |", c, ours, theirs, better == "more" ? ours / theirs : theirs / ours
    printf peak ? " %.0f %% |\n" : "\n", peak ? 100 * ours / peak : 0
  }
}

# `make help`: the targets that have a text, in the Makefile's order, under the Makefile's own headings.
/^# ---- / {
    heading = $0
    sub(/^# -+ /, "", heading)
    sub(/ *-*$/, "", heading)
    sub(/:.*/, "", heading)
}
/^[a-z][a-z-]*:.*## / {
    target = text = $0
    sub(/:.*/, "", target)
    sub(/.*## /, "", text)
    if (target in shown) next
    shown[target] = 1
    if (heading != printed) print "\n" heading
    printed = heading
    printf "  %-16s %s\n", target, text
}

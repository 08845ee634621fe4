# Every row of .eh_frame of real files, as readelf interprets it, against the rule that the recorder makes for the
# first and the last address of that row.
. "$TESTS/lib/tap.sh"

# readelf's rows as "ADDRESS CFA RBP RA", RBP and RA as in the rule; twice for each row: its first and last address.
# An FDE of no size and one that only another FDE's start cuts off have no addresses of their own.
rows() {
    readelf --debug-dump=frames-interp "$1" 2>/dev/null | perl -ne '
        sub finish { # the row @row ends before $end
            my ($end) = @_;
            if (@row and $end > $row[0]) {
                printf "%016x %s\n", $_, join " ", @row[1 .. 3] for $row[0], $end - 1;
            }
            @row = ();
        }
        if (/ FDE .*pc=([0-9a-f]+)\.\.([0-9a-f]+)/) { finish($until); $until = hex $2; $inside = 1; next }
        if (/ CIE /) { finish($until); $inside = 0; next }
        if (/^ +LOC +(.*)/) { @names = split " ", $1; next }
        next unless $inside and /^([0-9a-f]{16}) +(.*)/;
        ($location, $values) = (hex $1, $2);
        $values =~ s/ \([^)]*\)//g; # the second name of a register
        @values = split " ", $values;
        finish($location);
        %value = (); @value{@names} = @values;
        @row = ($location, $value{CFA}, $value{rbp} // "u", $value{ra} // "u");
        END { finish($until) }' | sort -u
}

# Rows in readelf's words against rules; only what differs is printed. The kinds of rows that a rule has no word for
# must come out as that, and an expression as something expressible.
differences() {
    perl -e '
        open R, "<", $ARGV[0]; open O, "<", $ARGV[1];
        while (defined($row = <R>) and defined($ours = <O>)) {
            chomp($row, $ours);
            ($address, $cfa, $bp, $ra) = split " ", $row;
            if ($ra eq "u") { $want = qr/ outermost$/ }
            elsif ($cfa !~ /^(rsp|rbp)[+-]|^exp$/ or $ra !~ /^c-8$|^exp$/ or $bp !~ /^([us]|exp|c[-+]\d+)$/) { $want = qr/ not-expressible$/ }
            elsif ($cfa eq "exp" and $ra eq "exp") { $want = qr/ signal$/ }
            elsif ($cfa eq "exp" and $bp eq "u") {
                $plt = (hex(substr $address, -1) >= 11) ? 16 : 8;
                $want = qr/ rsp\+$plt u c-8$/ }
            elsif ($cfa eq "exp") { $want = qr/ \(rbp-\d+\) rbp\+0 c-8$/ }
            else { $bp = "u" if $bp eq "s"; $bp = "rbp+0" if $bp eq "exp"; $want = qr/ \Q$cfa $bp $ra\E$/ }
            print "$row: we say $ours\n" unless $ours =~ /^$address$want/;
            $n++;
        }
        print "unequal lengths\n" if defined <R> or defined <O>;
        print "no rows\n" unless $n;' "$1" "$2"
}

for file in /lib/x86_64-linux-gnu/libc.so.6 /lib64/ld-linux-x86-64.so.2 /usr/lib/x86_64-linux-gnu/libstdc++.so.6 \
    /lib/x86_64-linux-gnu/libm.so.6 /usr/bin/perl /bin/bash /usr/bin/python3 $(command -v sqlite3) \
    "$BUILD/tests/programs/unwind_frames" "$BUILD/tests/programs/unwind_exceptions" \
    "$BUILD/tests/programs/unwind_jit" "$BUILD/tests/programs/unwind_directives" $UNWIND_RULES_FILES; do
    [ -f "$file" ] || continue
    rows "$file" >rows
    cut -d' ' -f1 rows | "$BUILD/tests/programs/unwind_rules" "$file" >ours
    differences rows ours >differ
    is "$(head -5 differ)" "" "$(basename "$file"): $(wc -l <rows) addresses, as readelf has them"
    note "$(basename "$file"): $(cut -d' ' -f2- ours | grep -c not-expressible) not expressible," \
        "$(grep -c ' signal' ours) signal, $(grep -c ' outermost' ours) outermost, $(grep -c '(' ours) realigned"
done
done_testing

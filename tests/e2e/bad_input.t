# What cannot be read is said in one clear line on stderr, with exit status 2; zero events are said in words.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"

record good.mtr "$programs/linked_list" >/dev/null
ok "a good trace is read" "$memtrace" metrics good.mtr
chmod u+w good.mtr

commands='report metrics timeline sites leaks flame dump plot'

# A user who may not read a mode-0 file: root reads everything.
as_reader() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    else
        "$@"
    fi
}

# refused NAME FILE ERE: every command refuses FILE with one line that names it and matches ERE.
refused() {
    for command in $commands; do
        set -- "$1" "$2" "$3"
        output=
        [ "$command" != plot ] || output="-o charts.$1"
        # shellcheck disable=SC2086
        as_reader "$memtrace" $command $output "$2" >refused.out 2>refused.err
        status=$?
        complaint=
        [ $status -eq 2 ] || complaint="$complaint; status $status"
        [ ! -s refused.out ] || complaint="$complaint; something on stdout"
        [ "$(wc -l <refused.err)" -eq 1 ] || complaint="$complaint; $(wc -l <refused.err) lines on stderr"
        grep -Fq -- "$2" refused.err || complaint="$complaint; the file is not named"
        grep -Eiq -- "$3" refused.err || complaint="$complaint; does not say '$3'"
        is "${complaint#; }" "" "$1: $command: $(head -n 1 refused.err)"
    done
}

chmod 755 .
echo "This is a text about something else." >text.mtr
refused text text.mtr 'not a trace|no trace'
head -c 200000 /dev/urandom >noise.mtr
refused noise noise.mtr 'not a trace|no trace'
: >empty.mtr
refused empty empty.mtr 'empty|not a trace'
head -c 100 good.mtr >cut.mtr
refused cut_in_header cut.mtr 'truncated|cut|not a trace|100 bytes'
cp good.mtr version.mtr
printf '\143\0\0\0' | dd of=version.mtr bs=1 seek=12 conv=notrunc status=none
chmod 644 version.mtr
refused version version.mtr 'version 99'
cp good.mtr order.mtr
printf '\001\002\003\004' | dd of=order.mtr bs=1 seek=8 conv=notrunc status=none
chmod 644 order.mtr
refused byte_order order.mtr 'byte order'
mkdir folder.mtr
refused directory folder.mtr 'directory'
refused missing nowhere.mtr 'no such file|not found|does not exist'
cp good.mtr secret.mtr
chmod 0 secret.mtr
refused unreadable secret.mtr 'permission'
mkfifo pipe.mtr
refused pipe pipe.mtr 'not a (regular file|trace)|pipe'

# Usage.
for arguments in '' 'nonsense' 'report' 'report --nonsense good.mtr' 'metrics --format nonsense good.mtr'; do
    # shellcheck disable=SC2086
    exits 2 "usage error: memtrace $arguments" "$memtrace" $arguments
done
ok "--help is no error" "$memtrace" --help
for command in $commands run; do
    ok "$command --help is no error" "$memtrace" $command --help
done

# Cut behind the header: what is there is read, or refused with 2; never a crash.
bad=
for bytes in 65535 65536 65537 65600 65664 65700 66000 70000 131071; do
    head -c $bytes good.mtr >short.mtr
    "$memtrace" metrics --format json short.mtr >/dev/null 2>&1
    status=$?
    [ $status -eq 0 ] || [ $status -eq 2 ] || bad="$bad $bytes:$status"
done
is "$bad" "" "a trace that was cut anywhere is read up to there or refused"
head -c 66000 good.mtr >short.mtr
ok "one that has events left is read" "$memtrace" report short.mtr

record quiet.mtr "$programs/quiet"
ok "a trace without events is no error" "$memtrace" report quiet.mtr
like "$(cat command.out)" '[Nn]o (allocation|event)|recorded nothing' "it is said in words"
for command in metrics timeline sites leaks flame dump; do
    ok "no events: $command" "$memtrace" $command quiet.mtr
done
done_testing

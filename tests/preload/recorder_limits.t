# Too little of everything: the program goes on as it would, the trace is as complete as can be and says why not.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/hostile.sh"
program=$programs/hostile_limits
limit=1 disk_full=2 no_memory=3
root=$([ "$(id -u)" -eq 0 ] && echo yes)
complete() {
    counted ' malloc size=777 ' 40000 "$1: every block"
    is "$(said stop_reason | sort -u)" 0 "$1: recording did not stop"
}
for mode in exhausted no_descriptors file_size address_space data; do
    hostile "$mode" "$program" $mode
    complete $mode
done
hostile "all descriptors closed" "$program" all_closed
complete "all descriptors closed"
hostile "directory gone" "$program" directory_gone
complete "directory gone"
counted ' malloc size=861 ' 100 "directory gone: a child, whose trace is elsewhere"

# Descriptors 0, 1 and 2 closed from the start: none of ours may take their numbers for longer than a moment.
cat >closed.sh <<'EOF'
exec "$1" all_closed <&- >&- 2>&-
EOF
hostile "closed from the start" sh closed.sh "$program"
counted ' malloc size=777 ' 40000 "closed from the start: every block"

# Limits that are there when the program starts.
cat >limited.sh <<'EOF'
ulimit $1 "$2"
shift 2
exec "$@"
EOF
hostile "one descriptor from the start" sh limited.sh -n 4 "$program" work
is "$(said stop_reason hostile_limits)" 0 "one descriptor from the start: enough"
hostile "64 KiB a file from the start" sh limited.sh -f 128 "$program" work
is "$(ls traces | grep -c limits)" 0 "64 KiB a file: no trace, and none begun"
hostile "512 KiB a file from the start" sh limited.sh -f 1024 "$program" plenty
is "$(said stop_reason hostile_limits)" $limit "512 KiB a file: stopped at the limit"
hostile "40 MB of address space from the start" sh limited.sh -v 40000 "$program" work
like "$(said stop_reason hostile_limits)" "^($no_memory|0|)$" "40 MB of address space: complete or a reason"
hostile "9 MB of address space from the start" sh limited.sh -v 9000 "$program" work

HOSTILE_LIMIT=1G
hostile "a trace larger than the address space" "$program" large_trace
header=$(chmod u+r traces/*.mtr && python3 "$TESTS/oracle/read_trace.py" header traces/*.mtr)
is "$(echo "$header" | sed -n 's/^stop_reason=//p; s/^counter.0=//p' | tr '\n' ' ')" "0 0 " "a trace larger than the address space: nothing lost"
ok "a trace larger than the address space: it was" test "$(stat -c %s traces/*.mtr)" -gt 150000000
HOSTILE_LIMIT=512K
hostile "MEMTRACE_LIMIT" "$program" plenty
is "$(said stop_reason)" $limit "MEMTRACE_LIMIT: stopped at the limit"
is "$(stat -c %s traces/*.mtr)" 524288 "MEMTRACE_LIMIT: all of it was used"
isnt "$(said counter.0)" 0 "MEMTRACE_LIMIT: something was lost, and is known to be"
HOSTILE_LIMIT=256M

hostile "the trace is moved away" "$program" new_name "$PWD/traces"
for trace in traces/*.moved; do mv "$trace" "${trace%.moved}"; done
rm -f traces/sh.*.mtr
complete "the trace is moved away"

# unwritable COMMAND...: the traces go where they cannot.
elsewhere() {
    elsewhere_claim=$1 pattern=$2
    shift 2
    "$@" >plain.out 2>plain.err
    echo $? >plain.status
    LD_PRELOAD=$recorder MEMTRACE_OUTPUT=$pattern "$@" >recorded.out 2>recorded.err
    echo $? >recorded.status
    hostile_claim=$elsewhere_claim
    hostile_judge
}
elsewhere "a directory that is not there" "$PWD/nowhere/%p.mtr" "$program" work
elsewhere "a directory in the name's place" "$PWD" "$program" work
elsewhere "no name" "$PWD/%x.mtr" "$program" work
elsewhere "a name too long" "$PWD/$(printf '%0300d' 0).mtr" "$program" work
mkdir victim && ln -s "$PWD/victim/file" link.mtr && : >victim/file
elsewhere "a link in the name's place" "$PWD/link.mtr" "$program" work
is "$(stat -c %s victim/file)" 0 "a link in the name's place: what it leads to is untouched"
elsewhere "/proc" "/proc/%p.mtr" "$program" work
elsewhere "/dev/full" "/dev/full/%p.mtr" "$program" work
mkdir locked && chmod 555 locked
elsewhere "a read-only directory" "$PWD/locked/%p.mtr" "$program" work

if [ "$root" ]; then
    rm -rf jail
    hostile "chroot" sh -c 'rm -rf jail; exec "$@"' sh "$program" chrooted
    counted ' malloc size=777 ' 40000 "chroot: every block"
    hostile "another user" "$program" other_user
    counted ' malloc size=777 ' 40000 "another user: every block"
    # The file's mode lets its owner read, no more: to cut it the mode changes for a moment.
    chmod 755 . && mkdir -m 777 theirs && cp "$recorder" "$program" .
    said=$(setpriv --reuid=65534 --regid=65534 --clear-groups env LD_PRELOAD="$PWD/libmemtrace.so" \
        MEMTRACE_OUTPUT="$PWD/theirs/%n.mtr" ./hostile_limits work)
    is "$said" alive "an ordinary user: the program runs"
    ok "an ordinary user: the file was cut" test "$(stat -c %s theirs/hostile_limits.mtr)" -lt 10000000
    is "$(stat -c %a theirs/hostile_limits.mtr)" 400 "an ordinary user: its mode is as before"
    if mkdir small && mount -t tmpfs -o size=1M tmpfs small 2>/dev/null; then
        elsewhere "tmpfs full" "$PWD/small/%p.mtr" "$program" work
        mkdir -p traces && rm -rf traces/* dumps && cp small/*.mtr traces/ 2>/dev/null
        LD_PRELOAD=$recorder MEMTRACE_LIMIT=64M MEMTRACE_OUTPUT=$PWD/small/full.mtr "$program" plenty >full.out
        is "$(cat full.out)" alive "tmpfs full below the limit: the program goes on"
        cp --sparse=always small/full.mtr traces/
        rm -f small/*
        read_traces
        is "$(said stop_reason full)" $disk_full "tmpfs full below the limit: the reason is the disk"
        isnt "$(grep -c 'size=777 ' dumps/full.dump)" 0 "tmpfs full below the limit: what was there is in the trace"
        head -c 2M /dev/zero >small/filler 2>/dev/null
        elsewhere "tmpfs full from the start" "$PWD/small/%p.mtr" "$program" work
        is "$(ls small)" filler "tmpfs full from the start: no trace, and none begun"
        umount small
    else
        skip 5 "no tmpfs can be mounted"
    fi
    truncate -s 4M image
    if mkfs.ext4 -q image 2>/dev/null && mkdir disk && mount -o loop image disk 2>/dev/null; then
        cat /dev/zero >disk/filler 2>/dev/null # but for 320 KiB
        truncate -s -320K disk/filler
        LD_PRELOAD=$recorder MEMTRACE_LIMIT=64M MEMTRACE_OUTPUT=$PWD/disk/full.mtr "$program" plenty >full.out
        is "$(cat full.out)" alive "ext4 full: the program goes on"
        rm -rf traces/* dumps && cp --sparse=always disk/full.mtr traces/
        umount disk
        is "$(said stop_reason full)" $disk_full "ext4 full: the reason is the disk"
    else
        skip 2 "no loop mount"
    fi
else
    skip 14 "not root"
fi
done_testing

# Before it starts a program, `memtrace run` says why it cannot be recorded.
. "$TESTS/lib/tap.sh"; plan 34
. "$TESTS/lib/record.sh"
run="$memtrace run -q"

# refused "claim" ERE COMMAND...: status 125, the program does not run, one line that matches.
refused() {
    refused_claim=$1 refused_pattern=$2
    shift 2
    "$@" >out 2>err
    is "$? $(wc -c <out) $(wc -l <err)" "125 0 1" "$refused_claim: refused with 125 and one line"
    like "$(cat err)" "^memtrace: cannot record '.*': $refused_pattern.*\(--force runs it all the same\)$" "$refused_claim: the reason"
}
recorded() {
    recorded_claim=$1
    shift
    rm -f ./*.mtr
    "$@" >out 2>err
    is "$? $(ls ./*.mtr | wc -l) $(cat err)" "0 1 " "$recorded_claim is recorded"
}

refused "static" "it is statically linked" $run -- "$programs/static_program"
$run --force -- "$programs/static_program" >out 2>err
is "$? $(cat out)" "3 static" "--force runs it"
like "$(cat err)" "^memtrace: nothing was recorded: " "and says at the end that nothing was recorded"
$run --force -- "$programs/static_program" "$programs/ends" exit 4 2>err >out
is "$? $(ls ./*.mtr | sed 's/[0-9][0-9]*/N/')" "4 ./memtrace.ends.N.mtr" "what it becomes by exec is recorded"
"$memtrace" run --force -- "$programs/static_program" 2>err >out
is "$(head -n 1 err)" "memtrace: '$programs/static_program' itself will not be recorded: it is statically linked, and there is no loader that could preload the recorder" "--force says what it does"

refused "own malloc" "it defines malloc itself" $run -- "$programs/defines_malloc"

if printf 'int main(void) { return 0; }\n' >sanitized.c && gcc -fsanitize=address -o sanitized sanitized.c 2>/dev/null; then
    refused "a sanitizer" "it needs libasan.so" $run ./sanitized
else
    skip 2 "no libasan"
fi

# Another machine's: our own ends, its header changed.
patched() { # FILE OFFSET:BYTES...
    python3 - "$programs/ends" "$@" <<'P'
import os, sys
data = bytearray(open(sys.argv[1], "rb").read())
for change in sys.argv[3:]:
    offset, value = change.split(":")
    value = bytes.fromhex(value)
    data[int(offset):int(offset) + len(value)] = value
open(sys.argv[2], "wb").write(data)
os.chmod(sys.argv[2], 0o755)
P
}
patched foreign 18:b700
refused "another machine" "it is a program for AArch64, and the recorder here is for x86-64" $run ./foreign
patched unknown 18:3412
refused "an unknown machine" "it is a program for ELF machine 4660," $run ./unknown
# A 32-bit program: header, one PT_LOAD.
python3 - <<'P'
import os, struct
header = b"\x7fELF\x01\x01\x01" + bytes(9)
header += struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, 0x8048054, 52, 0, 0, 52, 32, 1, 0, 0, 0)
header += struct.pack("<IIIIIIII", 1, 0, 0x8048000, 0x8048000, 84 + 4, 84 + 4, 5, 4096) + b"\xcd\x80\xcd\x80"
open("narrow", "wb").write(header)
os.chmod("narrow", 0o755)
P
refused "32 bit" "it is a program for x86, 32 bit," $run ./narrow
patched musl 0:7f
python3 - <<'P'
data = open("musl", "rb").read()
loader = b"/lib64/ld-linux-x86-64.so.2\0"
assert loader in data
open("musl", "r+b").write(data.replace(loader, b"/lib/ld-musl-x86_64.so.1\0\0\0\0"[:len(loader)]))
P
refused "musl" "it runs on musl \(/lib/ld-musl-x86_64.so.1\)," $run ./musl

# Scripts: the interpreter counts, along the chain; what has no #! line is the shell's.
printf '#!%s\n' "$programs/static_program" >inner
printf '#! %s an argument\n' "$PWD/inner" >outer
chmod 755 inner outer
refused "a script's interpreter" "it is run by '$programs/static_program': it is statically linked" $run ./outer
printf 'exit 0\n' >plain
chmod 755 plain
recorded "a file without a #! line" $run ./plain
recorded "a script" $run -- sh -c 'exit 0'
recorded "the loader with a program" $run -- "$(python3 -c '
import re, sys
print(re.search(rb"/[a-z0-9/]*/ld-linux[^\0]*", open(sys.argv[1], "rb").read()).group().decode())' "$programs/ends")" "$programs/ends" exit
mkdir along
cp "$programs/static_program" along/found
PATH=$PWD/along:$PATH
refused "along PATH" "it is statically linked" $run found

# Privileges. Our own set-user-ID changes nothing for us; another user's does, and so do file capabilities for others than root.
cp "$programs/ends" raised
chmod u+s raised
recorded "a set-user-ID program of our own" $run ./raised exit
if [ "$(id -u)" -eq 0 ] && ! findmnt -no OPTIONS -T . | grep -q nosuid; then
    chown 65534:0 raised && chmod 4755 raised
    refused "set-user-ID" "it is set-user-ID, and the loader then ignores LD_PRELOAD" $run ./raised exit
    chown 0:65534 raised && chmod 2755 raised
    refused "set-group-ID" "it is set-group-ID, and the loader then ignores LD_PRELOAD" $run ./raised exit
    recorded "one that can gain nothing (no_new_privs)" setpriv --no-new-privs $run ./raised exit
else
    skip 5 "needs root, and a file system that honours set-user-ID"
fi
# As another user, with copies of what we built: the build folder may be nobody's to enter.
mkdir -m 777 nobody
if [ "$(id -u)" -eq 0 ] && cp "$memtrace" "$BUILD/libmemtrace.so" "$programs/ends" nobody && chmod 755 . &&
    as_nobody="setpriv --reuid 65534 --regid 65534 --clear-groups" && $as_nobody sh -c 'cd nobody && ./ends exit'; then
    cd nobody
    cp ends gifted
    if python3 -c 'import os, struct; os.setxattr("gifted", "security.capability", struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))'; then
        refused "capabilities" "it is given capabilities of its own" $as_nobody ./memtrace run -q ./gifted exit
    else
        skip 2 "this file system has no file capabilities"
    fi
    chmod 111 ends
    $as_nobody ./memtrace run -q ./ends exit 5
    is $? 5 "a program that may be executed but not read runs"
else
    skip 3 "needs root"
fi

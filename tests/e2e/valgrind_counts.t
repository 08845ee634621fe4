# Ten programs: allocations, frees and bytes are those of valgrind's "total heap usage" line, exactly.
# Both runs have the same environment: libplain_environment takes out, before main, what the tools leave there,
# since bash and perl allocate for each variable. PERL_HASH_SEED: perl's tables take another shape each run.
. "$TESTS/lib/tap.sh"
. "$TESTS/lib/record.sh"
plan 22
plain=$programs/libplain_environment.so

same_environment() {
    env -i PATH=/usr/bin:/bin HOME=/nonexistent LC_ALL=C PERL_HASH_SEED=0 "$@" </dev/null
}

# both NAME COMMAND...: run under both; counts in $ours and $valgrinds as "ALLOCATIONS FREES BYTES".
both() {
    name=$1
    shift
    same_environment LD_PRELOAD="$plain:$BUILD/libmemtrace.so" MEMTRACE_OUTPUT="$PWD/$name.mtr" "$@" >"$name.ours" 2>&1
    same_environment LD_PRELOAD="$plain" valgrind --run-libc-freeres=no --run-cxx-freeres=no \
        --log-file="$name.valgrind" "$@" >"$name.valgrinds" 2>&1
    "$memtrace" metrics --format json "$name.mtr" >"$name.json"
    ours="$(json_field allocations <"$name.json") $(json_field frees <"$name.json")"
    ours="$ours $(json_field allocated_bytes <"$name.json")"
    valgrinds=$(sed -n 's/.*usage: \([0-9,]*\) allocs, \([0-9,]*\) frees, \([0-9,]*\) bytes.*/\1 \2 \3/p' \
        "$name.valgrind" | tr -d ,)
    is "$ours" "${valgrinds:-no line of valgrind}" "$name: allocations, frees and bytes are valgrind's"
}

# What the program counted itself, in the same form.
said() {
    sed -n 's/^allocations=\([0-9]*\) frees=\([0-9]*\) allocated_bytes=\([0-9]*\) .*/\1 \2 \3/p' "$1"
}

for program in linked_list realloc_chain 'aligned without_pvalloc' 'failing without_errno'; do
    # shellcheck disable=SC2086
    set -- $program
    path=$programs/$1
    name=$1
    shift
    both "$name" "$path" "$@"
    is "$ours" "$(said "$name.ours")" "$name: and what it counted itself"
    is "$(cat "$name.ours")" "$(cat "$name.valgrinds")" "$name: it did the same in both runs"
done

# libstdc++ allocates before main; empty_cpp, under valgrind, is that alone.
both empty_cpp "$programs/empty_cpp"
start=$valgrinds
both cpp_containers "$programs/cpp_containers"
is "$(cat cpp_containers.ours)" "$(cat cpp_containers.valgrinds)" "cpp_containers: it did the same in both runs"
is "$ours" "$(printf '%s\n%s\n' "$(said cpp_containers.ours)" "$start" |
    awk '{ a += $1; f += $2; b += $3 } END { printf "%d %d %d", a, f, b }')" \
    "cpp_containers: and what it counted itself, with libstdc++'s start"
is "$(metric allocations linked_list.mtr)" 2000 "the number in the source of linked_list: 1,000 nodes with names"

both sqlite3 sqlite3 :memory: 'create table t(a integer primary key, b text);
    with recursive n(x) as (select 1 union all select x + 1 from n where x < 2000)
    insert into t select x, "row " || x from n;
    create index i on t(b);
    select count(*), max(b) from t where b like "row 1%";
    select b, group_concat(a) from t group by a % 7;'
both perl perl -e 'my %h; $h{$_ % 97} .= "x$_" for 1 .. 5000;
    my $s = join ",", map { length $h{$_} } sort keys %h;
    $s =~ s/(\d+)/<$1>/g;
    my @n = map { [$_, { v => "a" x $_ }] } 1 .. 300;
    print "$s\n", scalar(@n), "\n"'
seq 1 3000 | sed 's/.*/{"id": &, "name": "item &", "tags": ["a", "b&"]}/' >items.json
both jq jq -c '[.id, (.tags | length), (.name | ascii_upcase)] | select(.[0] % 7 == 0)' items.json
both bash bash -c 'declare -A h
    for ((i = 0; i < 3000; i++)); do h[$((i % 101))]+="x$i"; done
    for k in "${!h[@]}"; do echo "$k ${#h[$k]}"; done
    a=({1..500}); echo "${a[@]//1/one}"
    f() { local x=$1; ((x > 0)) && f $((x - 1)); echo $x; }; f 40'
both xz xz -T1 -k -c -6 items.json

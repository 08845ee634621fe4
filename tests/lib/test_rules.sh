#!/bin/sh
# Print make rules for C tests: test_rules.sh BUILD FILE_test.c... The first 40 lines of a test may say
#   /* objects: analyzer/reader/cursor.o preload/hot/unwind.o */   what it is linked with
#   /* libs: -lunwind */                                           further libraries
# Without an objects line a test of analyzer/ gets the archive of that room, one of target/ the scanner
# library, one of preload/ nothing.
build=$1
shift
said() {
    sed -n "1,40s:.*/\\* *$1\\: *\\(.*[^ ]\\) *\\*/.*:\\1:p" "$2"
}
for source in "$@"; do
    target=$build/${source%_test.c}.t
    objects=
    for object in $(said objects "$source"); do
        objects="$objects $build/$object"
    done
    if [ -z "$objects" ]; then
        case $source in
        tests/analyzer/*) objects=$build/analyzer.a ;;
        tests/target/*) objects=$build/target.a ;;
        esac
    fi
    printf '%s: %s\n' "$target" "$objects"
    printf '%s: TEST_LIBS := %s\n' "$target" "$(said libs "$source" | tr '\n' ' ')"
done

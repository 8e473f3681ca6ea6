#!/bin/sh
# Builds the init that containers may ask for: one static executable. Usage: build.sh [OUTPUT]
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
out=${1:-$here/../../build/berth-init}
mkdir -p "$(dirname -- "$out")"
# A name of its own until it is whole: several builds may run at once.
temporary=$out.$$.tmp
trap 'rm -f "$temporary"' EXIT
${CC:-cc} -std=gnu11 -O2 -static -no-pie -Wall -Wextra -Werror -Wshadow -Wvla -fno-strict-aliasing \
  -fstack-protector-strong -D_FORTIFY_SOURCE=2 -D_GNU_SOURCE -ffunction-sections -fdata-sections -Wl,--gc-sections \
  -o "$temporary" "$here"/*.c
strip "$temporary" 2>/dev/null || true
mv -f "$temporary" "$out"

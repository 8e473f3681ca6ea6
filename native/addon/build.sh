#!/bin/sh
# Builds build/berth.node with the C compiler of the machine; Node-API symbols are found in the executable that loads it.
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd)
out=${1:-$here/../../build/berth.node}
mkdir -p "$(dirname -- "$out")"
temporary=$out.$$.tmp
trap 'rm -f "$temporary"' EXIT
${CC:-cc} -std=c11 -O2 -g0 -Wall -Wextra -Werror -fPIC -fvisibility=hidden -shared \
  -Wl,-z,relro,-z,now -o "$temporary" "$here/addon.c" "$here/calls.c"
mv -f "$temporary" "$out"

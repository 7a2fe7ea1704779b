#!/bin/bash
# Compiles CKernels for arm64 and compares its kernels with their naive twins in an emulator; natively first, so that the
# comparison itself is known to be right. Installs nothing: where a tool is missing it says so and ends with status 77.
set -euo pipefail
cd "$(dirname "$0")/.."

machine=$(uname -m)
missing=()
command -v aarch64-linux-gnu-g++ >/dev/null || missing+=(g++-aarch64-linux-gnu)
command -v qemu-aarch64 >/dev/null || missing+=(qemu-user)
if [ ${#missing[@]} -gt 0 ]; then
  echo "arm64: SKIPPED: nothing was run. Missing Debian packages: apt-get install ${missing[*]}" >&2
  exit 77
fi
# The kernels are written in clang's vector extensions. The Swift toolchain brings a clang that compiles for arm64 too; the
# package g++-aarch64-linux-gnu has the headers, the C++ library and the OpenMP runtime.
swift=$(command -v swift) || { echo "arm64: there is no swift on the path, beside which clang++ is." >&2; exit 1; }
compiler=$(dirname "$(readlink -f "$swift")")/clang++

# A kernel that the comparison does not call is not compared.
status=0
while read -r kernel; do
  grep -qE "\b$kernel\b" Tests/kernels/* || { echo "arm64: Tests/kernels calls no $kernel." >&2; status=1; }
done < <(grep -ohE '\bck_[a-z0-9_]+\(' Sources/CKernels/include/*.h | tr -d '(' | sort -u)
[ $status -eq 0 ] || exit 1

# Compiles kernels and comparison for a target into .build/arm64/TARGET. The kernels are optimised as Package.swift says.
build() {
  local target=$1 folder=.build/arm64/$1 source
  local flags=(--target="$target" -std=gnu++17 -Wall -Wextra -Werror -I Sources/CKernels/include)
  rm -rf "$folder"
  mkdir -p "$folder"
  while read -r source; do
    "$compiler" "${flags[@]}" -O3 -c "$source" -o "$folder/$(tr / . <<< "${source#Sources/}").o"
  done < <(find Sources/CKernels -name '*.cpp' | sort)
  for source in Tests/kernels/*.cpp; do
    "$compiler" "${flags[@]}" -O1 -c "$source" -o "$folder/$(basename "$source").o"
  done
  "$compiler" --target="$target" "$folder"/*.o -o "$folder/kernels" -l:libgomp.so.1
}

# Teams of three threads share whatever cores there are: a thread that waits is to sleep, not to spin.
export OMP_WAIT_POLICY=passive OMP_DYNAMIC=false

# Runs a comparison, then its negative control: with one element of each result changed every comparison has to fail.
compare() {
  "$@"
  local status=0
  "$@" --selftest | tail -n 1 || status=$?
  [ $status -eq 1 ] || { echo "arm64: the self-test ended with status $status, not with 1." >&2; return 1; }
}

echo "== this machine"
build "$machine-linux-gnu"
compare ".build/arm64/$machine-linux-gnu/kernels"
# Cortex-A53 has the instructions of the first arm64 and no later ones.
echo "== arm64, emulated as a Cortex-A53 by $(qemu-aarch64 --version | head -n 1)"
build aarch64-linux-gnu
compare qemu-aarch64 -cpu cortex-a53 -L /usr/aarch64-linux-gnu .build/arm64/aarch64-linux-gnu/kernels
# The greatest processor that the emulator has multiplies bfloat16.
echo "== arm64 with bfloat16, emulated"
compare qemu-aarch64 -cpu max -L /usr/aarch64-linux-gnu .build/arm64/aarch64-linux-gnu/kernels --bfloat16
echo "arm64: passed."

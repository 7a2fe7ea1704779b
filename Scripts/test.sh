#!/bin/bash
# Builds and runs every test; ends with a summary and the verdict as exit status.
# Arguments go to `swift test`, such as --filter HTTPTests. With --no-parallel the summary lists the longest tests:
# only where tests run one at a time is a test's time its own. SANITIZE=address or thread builds apart, in .build-asan or
# .build-tsan, with that sanitizer; PRELOAD names a library that is loaded into the tests.
set -euo pipefail
cd "$(dirname "$0")/.."

log=$(mktemp)
clock=$(mktemp)
trap 'rm -f "$log" "$clock"' EXIT
# Sets `processor` to the processor seconds, user and system, of all commands that have ended.
measure() {
  times > "$clock"  # not in a command substitution, whose shell has run nothing yet
  processor=$(awk 'NR == 2 { split($1, user, /[ms]/); split($2, kernel, /[ms]/)
    printf "%d", 60 * (user[1] + kernel[1]) + user[2] + kernel[2] }' "$clock")
}

build=()
case ${SANITIZE:-} in
  '') ;;
  address) build=(--sanitize=address --scratch-path .build-asan) ;;
  thread) build=(--sanitize=thread --scratch-path .build-tsan) ;;
  *) echo "SANITIZE is address or thread, not $SANITIZE." >&2; exit 2 ;;
esac
started=$SECONDS
swift build --build-tests "${build[@]}" --explicit-target-dependency-import-check error
built=$SECONDS
measure
build_processor=$processor

# Servers and their clients keep deadlines, and whatever computes fills the two threads of Swift's
# pool that tests share with handlers: each kind has a process of its own, one after the other, with
# so many tests at a time that none waits for its turn longer than a deadline.
# Two tests that compute, each on two threads of OpenMP, share the processors with each other and with whatever else runs:
# a thread that spins at a barrier keeps away the one that it waits for, so threads sleep there. What a run sets for its
# worker stands above this.
export OMP_WAIT_POLICY=passive
# Under a sanitizer everything takes ten times as long, and two tests at a time are what two processors bear.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH=$([ -n "${SANITIZE:-}" ] && echo 2 || echo 8)
serving='^(HTTPTests|APITests|RunsTests|ServiceTests)\.'
status=0
run() {
  env ${PRELOAD:+LD_PRELOAD="$PRELOAD"} swift test --skip-build "${build[@]}" "$@" 2>&1 | tee --append "$log" || status=$?
}
case " $* " in
  *" --filter"*)
    passes=1
    run "$@" ;;
  *)
    passes=2
    run --filter "$serving" "$@"
    run --skip "$serving" "$@" ;;
esac

echo
echo "== summary"
grep -E 'Test run with [0-9]+ tests?' "$log" || true
# What failed, and where, once more: it is far above in a long log.
grep -E '^✘ (Test|Suite) .* (recorded an issue|failed after)' "$log" | head -60 || true
grep -E '^SUMMARY: [A-Za-z]+Sanitizer' "$log" | sort | uniq -c | head -60 || true
# One line for each test that did not run, with its reason.
grep -E ' skipped(:|\.|$)' "$log" | sed 's/^[^A-Za-z]*/  /' | sort -u || true
if [ -z "${BYOL_TEST_DATA:-}" ]; then
  echo "BYOL_TEST_DATA is not set: tests on real pictures were skipped."
fi
case " $* " in *" --no-parallel "*)
  echo "the longest tests, in seconds:"
  sed -nE 's/^[✔✘] Test (.*) (passed|failed) after ([0-9.]+) seconds.*/  \3 \1/p' "$log" |
    grep -v ' run with ' | sort -rn | head -10 || true ;;
esac
measure
echo "build $((built - started)) s, of processors $build_processor s;" \
  "tests $((SECONDS - built)) s, of processors $((processor - build_processor)) s"

# A run in which nothing ran is no success.
passed=$(grep -cE 'Test run with [1-9][0-9]* tests?.* passed' "$log" || true)
if [ "$status" -eq 0 ] && [ "$passed" -ne "$passes" ]; then
  echo "Tests ran and passed in $passed of $passes processes." >&2
  status=1
fi
if [ "$status" -eq 0 ]; then echo "PASSED"; else echo "FAILED (status $status)"; fi
exit "$status"

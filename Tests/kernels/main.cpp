// Compares every kernel of CKernels that this processor has with its naive twin, without Swift and without oneDNN, so that it
// can be built for another processor and run in an emulator. Scripts/arm64.sh builds and runs it.
//
//     kernels              compares; the exit status is 0 if all agree, else 1
//     kernels --selftest   changes one element of each result first: 1 if every comparison notices, as it must be, else 2
#include <stdio.h>
#include <string.h>

#include "Check.hpp"

int main(int argc, char **argv) {
  const bool isSelfTest = argc == 2 && strcmp(argv[1], "--selftest") == 0;
  if (argc > 1 && !isSelfTest) {
    fprintf(stderr, "usage: kernels [--selftest]\n");
    return 64;
  }
  check::Report report(isSelfTest);
  check::compareProcessor(report);
  check::compareElementwise(report);
  check::compareRows(report);
  check::compareUpdates(report);
  check::compareSearches(report);
  check::comparePooling(report);
  check::compareNormalization(report);
  check::compareConvolutions(report);
  return report.finish();
}

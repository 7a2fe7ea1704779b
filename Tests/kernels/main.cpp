// Compares every kernel of CKernels that this processor has with its naive twin, without Swift and without oneDNN, so that it
// can be built for another processor and run in an emulator. Scripts/arm64.sh builds and runs it.
//
//     kernels                compares; the exit status is 0 if all agree, else 1
//     kernels … --selftest   changes one element of each result first: 1 if every comparison notices, as it must be, else 2
//     kernels --bfloat16 …   on arm64: the processor has to multiply bfloat16. Without it, it must not.
#include <stdio.h>
#include <string.h>

#include "Check.hpp"

int main(int argc, char **argv) {
  bool isSelfTest = false, withBFloat16 = false;
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--selftest") == 0) {
      isSelfTest = true;
    } else if (strcmp(argv[i], "--bfloat16") == 0) {
      withBFloat16 = true;
    } else {
      fprintf(stderr, "usage: kernels [--bfloat16] [--selftest]\n");
      return 64;
    }
  }
  check::Report report(isSelfTest);
  check::compareProcessor(report, withBFloat16);
  check::compareElementwise(report);
  check::compareRows(report);
  check::compareUpdates(report);
  check::compareSearches(report);
  check::comparePooling(report);
  check::compareNormalization(report);
  check::compareConvolutions(report);
  check::compareBFloat16Convolutions(report);
  return report.finish();
}

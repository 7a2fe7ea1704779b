#ifndef CPROCESS_H
#define CPROCESS_H

#include <sys/types.h>

/// A started process and this side's ends of its pipes.
struct byol_process {
  pid_t process;
  /// Write end of its standard input.
  int input;
  /// Read end of its standard output; does not block.
  int output;
  /// Read end of its standard error; does not block.
  int errors;
};

/// Starts a program in a process group of its own, with default signals, three pipes, and `lock` as
/// descriptor 3; every other descriptor is closed in it.
///
/// With a `niceness` below 0 it gets the policy SCHED_IDLE: whoever else of the same control group wants a processor
/// takes it at once.
///
/// `arguments` and `environment` end with a null pointer. Returns 0, or the system's error number,
/// and then nothing is left behind.
int byol_start_process(const char *const *arguments, const char *const *environment, int lock,
                       int niceness, struct byol_process *started);

/// Whether a child has ended, without reaping it, so that its number stays its own: 1 with its exit
/// code in `code` and 0 in `signal`, or with the signal that ended it in `signal`; 0 while it runs.
int byol_process_ended(pid_t process, int *code, int *signal);

/// From now on no thread of this process can open a socket, start a program, look into another process or gain a
/// privilege; such calls fail with EACCES. It cannot be taken back, and children inherit it.
///
/// Returns 0, or the system's error number where the kernel does not offer it; nothing is then forbidden, but privileges may be.
int byol_confine_process(void);

#endif

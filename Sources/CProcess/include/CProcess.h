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

/// The version of Landlock that the kernel offers; 0 where it offers none (ENOSYS, EOPNOTSUPP).
int byol_landlock_version(void);

/// From now on the calling thread, and every thread and program that it starts, opens no file or folder but those named
/// and what is below them: some to read, some to write as well. From version 4 on it opens no connection by TCP, from
/// version 6 on it sends no signal to processes outside. It cannot be taken back, and no privilege can be gained.
///
/// Both lists end with a null pointer; a path that is not there is passed over. Threads that exist already are not held:
/// see `byol_start_anew`. Returns 0, or the system's error number, and then nothing is held.
int byol_restrict_files(const char *const *readable, const char *const *writable);

/// Writes the paths of the libraries that are loaded, each with a line feed after it; nothing where they do not fit.
///
/// Returns the number of bytes.
size_t byol_loaded_libraries(char *text, size_t capacity);

/// Starts this process's program anew in the same process, with other arguments: what its calling thread was held to holds
/// then for all threads. Returns the system's error number, or not at all.
int byol_start_anew(const char *const *arguments);

/// What holds the calling thread, as the kernel tells it: 1 or 0.
int byol_has_no_new_privileges(void);
/// As above, of a seccomp filter.
int byol_has_filter(void);
/// As above, of `byol_restrict_files`, tried by opening the root folder, which no list has.
int byol_is_held_to_files(void);

#endif

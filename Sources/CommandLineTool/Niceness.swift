import Glibc

/// Sets the scheduling priority (nice value) of this thread, from which the threads that it makes inherit it, and of
/// the process's first thread, whose value tools such as `ps` show: on Linux each thread has its own. Where the system
/// refuses, the priority stays as it was.
func giveNiceness(_ niceness: Int) {
  for thread in [0, id_t(getpid())] {
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), thread, Int32(niceness))
  }
}

import Foundation
import Glibc

/// Sets the scheduling priority (nice value) of the process: of all threads that it has, of which OpenBLAS makes some before the
/// program begins, and so of those that they make. On Linux each thread has its own. Where the system refuses, the priority
/// stays as it was.
func giveNiceness(_ niceness: Int) {
  let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")) ?? []
  for thread in threads.compactMap({ id_t($0) }) + [0, id_t(getpid())] {
    setpriority(__priority_which_t(PRIO_PROCESS.rawValue), thread, Int32(niceness))
  }
}

import Foundation
import Runs
import Testing

/// What a worker can no longer do.
@Suite struct WorkerConfinementTests {
  @Test
  func
    `a confined process opens no socket and starts no program, and goes on with files and threads`()
    async
  {
    await #expect(processExitsWith: .success) {
      // Threads that are there before are held as well.
      let before = DispatchSemaphore(value: 0)
      let done = DispatchSemaphore(value: 0)
      Thread.detachNewThread {
        before.wait()
        precondition(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) == -1 && errno == EACCES)
        done.signal()
      }
      let open = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      precondition(open >= 0, "There are no sockets without it either.")
      close(open)
      precondition(WorkerConfinement.enter() == nil)
      before.signal()
      done.wait()
      for family in [AF_INET, AF_INET6, AF_UNIX, AF_NETLINK] {
        precondition(socket(family, Int32(SOCK_STREAM.rawValue), 0) == -1 && errno == EACCES)
      }
      precondition((try? Process.run(URL(fileURLWithPath: "/bin/true"), arguments: [])) == nil)
      let path = NSTemporaryDirectory() + "confined-\(UUID())"
      precondition(FileManager.default.createFile(atPath: path, contents: Data("x".utf8)))
      try? FileManager.default.removeItem(atPath: path)
      Thread.detachNewThread { done.signal() }
      done.wait()
      let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
      precondition(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"))
    }
  }
}

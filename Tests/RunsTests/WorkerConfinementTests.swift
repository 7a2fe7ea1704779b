import Foundation
import Testing
import Training

@testable import Runs

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

  private static let hasLandlock = WorkerConfinement.landlockVersion > 0

  @Test(.enabled(if: hasLandlock, "This kernel has no Landlock: only the list of files is tested."))
  func
    `a worker that is held to its files reads its dataset, writes its run and touches nothing else`()
    async throws
  {
    let folder = try TemporaryFolder()
    await #expect(processExitsWith: .success) { [path = folder.path as String] in
      let place = Place(path)
      // The control: without it all of them can be read and written.
      precondition(place.canRead("outside/secret") && place.canWrite("outside/new"))
      precondition(place.canWrite("dataset/new") && place.canWrite("run/new"))
      precondition(kill(getppid(), 0) == 0)
      // A thread that is there before is not held, which is why a worker starts anew.
      let (asked, answered) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
      Thread.detachNewThread {
        asked.wait()
        precondition(place.canRead("outside/secret"))
        answered.signal()
      }
      let files = WorkerFiles(reads: [place.path + "/dataset"], writes: [place.path + "/run"])
      precondition(WorkerConfinement.restrict(to: files) == nil)
      place.requireHeld()
      // Neither is anything outside reached by a new thread.
      Thread.detachNewThread {
        place.requireHeld()
        answered.signal()
      }
      answered.wait()
      asked.signal()
      answered.wait()
      let measured = WorkerConfinement.measured
      precondition(measured.landlock == WorkerConfinement.landlockVersion)
      precondition(measured.noNewPrivileges && !measured.seccomp)
    }
  }

  @Test func `what a process is held to is measured, and nothing is claimed before`() async {
    await #expect(processExitsWith: .success) {
      let before = WorkerConfinement.measured
      precondition(before.landlock == 0 && !before.seccomp)
      precondition(WorkerConfinement.enter() == nil)
      let after = WorkerConfinement.measured
      precondition(after.landlock == 0 && after.seccomp && after.noNewPrivileges)
    }
  }

  @Test func `a worker's files are its dataset, its run, its libraries and facts of the machine`() {
    let libraries = ["/usr/lib/x86_64-linux-gnu/libc.so.6", "/home/a b/lib/libswiftCore.so"]
    let files = WorkerFiles(
      reads: ["/srv/dataset"], writes: ["/srv/run"], program: "/home/a b/byol", libraries: libraries
    )
    #expect(files.writable == ["/srv/run", "/dev/null"])
    #expect(
      files.readable.prefix(3) == [
        "/srv/dataset", "/home/a b/byol", "/home/a b/lib/libswiftCore.so",
      ])
    #expect(
      Set(files.readable).isDisjoint(with: ["/", "/etc", "/home", "/home/a b", "/proc", "/srv"]))
    #expect(!files.readable.contains { $0.hasPrefix("/root") || $0.hasPrefix("/tmp") })
    let loaded = WorkerFiles.loadedLibraries
    for name in ["libc.so.6", "libswiftCore.so", "libdnnl.so.2", "libjpeg.so.62"] {
      #expect(loaded.contains { $0.hasSuffix("/" + name) }, "\(loaded)")
    }
  }
}

/// Folders of a test: what a worker reads, what it writes, and what is beside them.
private struct Place {
  let path: String

  init(_ path: String) {
    self.path = path
    for name in ["dataset", "run", "outside"] {
      try? FileManager.default.createDirectory(
        atPath: "\(path)/\(name)", withIntermediateDirectories: true)
      _ = FileManager.default.createFile(atPath: "\(path)/\(name)/secret", contents: Data("s".utf8))
    }
  }

  func canRead(_ name: String) -> Bool { opens("\(path)/\(name)", O_RDONLY) }

  /// Makes a file and removes it.
  func canWrite(_ name: String) -> Bool {
    let isMade = opens("\(path)/\(name)", O_WRONLY | O_CREAT | O_TRUNC)
    return unsafe isMade && unlink("\(path)/\(name)") == 0
  }

  private func opens(_ path: String, _ flags: Int32) -> Bool {
    let file = unsafe open(path, flags, 0o600)
    if file >= 0 { close(file) }
    return file >= 0
  }

  /// Traps where the calling thread is not held to `dataset` and `run`.
  func requireHeld() {
    precondition(canRead("dataset/secret") && canRead("run/secret") && canWrite("run/new"))
    precondition(!canRead("outside/secret") && errno == EACCES)
    precondition(!opens("/etc/passwd", O_RDONLY) && errno == EACCES)
    precondition(!opens("/etc/shadow", O_RDONLY) && !opens("/proc/1/cmdline", O_RDONLY))
    precondition(!canWrite("outside/new") && errno == EACCES)
    precondition(!canWrite("dataset/new") && !canWrite("new"))
    precondition(!opens("\(path)/dataset/secret", O_WRONLY | O_TRUNC) && errno == EACCES)
    precondition(unsafe rename("\(path)/outside/secret", "\(path)/run/stolen") != 0)
    precondition(unsafe rename("\(path)/run/secret", "\(path)/run/moved") == 0)
    precondition(unsafe rename("\(path)/run/moved", "\(path)/run/secret") == 0)
    precondition(unsafe symlink("/etc/passwd", "\(path)/run/link") != 0 && errno == EACCES)
    precondition(unsafe link("\(path)/dataset/secret", "\(path)/run/second") != 0)
    precondition(unsafe mkdir("\(path)/run/folder-\(UUID())", 0o700) == 0)
    if WorkerConfinement.landlockVersion >= 6 {
      precondition(kill(getppid(), 0) != 0 && errno == EPERM)
    }
  }
}

import CProcess
public import Training

/// What a worker gives up before it reads a user's pictures.
///
/// It happens in two steps. First it is held to its files (Landlock, landlock(7)), which the kernel does for one thread and what
/// that thread starts; since libraries start threads before `main`, the program then starts itself anew, so that all its
/// threads are held. Then it gives up sockets, starting programs and looking into other processes (seccomp(2)).
public enum WorkerConfinement {
  /// From now on this process opens no socket, starts no program, looks into no other process and gains no privilege
  /// (seccomp(2), no_new_privs): a fault in what reads pictures finds nobody to talk to.
  ///
  /// - Returns: the system's error number where the kernel does not offer that; nil where it is in force.
  public static func enter() -> Int32? {
    let failure = byol_confine_process()
    return failure == 0 ? nil : failure
  }

  /// The version of Landlock that the kernel offers; 0 where it offers none.
  public static var landlockVersion: Int { Int(byol_landlock_version()) }

  /// From now on the calling thread, and what it starts, opens no other files than these. From version 6 of Landlock on it
  /// sends no signals to processes outside either.
  ///
  /// - Returns: the system's error number where the kernel does not do that; nil where it is in force.
  public static func restrict(to files: WorkerFiles) -> Int32? {
    let failure = unsafe withCStrings(files.readable) { readable in
      unsafe withCStrings(files.writable) { writable in
        unsafe byol_restrict_files(readable, writable)
      }
    }
    return failure == 0 ? nil : failure
  }

  /// Holds this process to its files and starts its program anew, with the same arguments and one more; returns only where it
  /// could not.
  ///
  /// - Parameters:
  ///   - files: All that it opens from then on.
  ///   - mark: The argument by which the program knows that it is started for the second time.
  /// - Returns: the system's error number.
  public static func startAnew(heldTo files: WorkerFiles, mark: String) -> Int32 {
    if let failure = restrict(to: files) { return failure }
    return unsafe withCStrings(CommandLine.arguments + [mark]) { unsafe byol_start_anew($0) }
  }

  /// What the kernel holds the calling thread to, measured: by the kernel's own words, and by trying.
  public static var measured: ProcessConfinement {
    ProcessConfinement(
      seccomp: byol_has_filter() == 1, noNewPrivileges: byol_has_no_new_privileges() == 1,
      landlock: byol_is_held_to_files() == 1 ? landlockVersion : 0)
  }
}

/// The files that a worker may still open, each with everything below it.
public struct WorkerFiles: Hashable, Sendable {
  /// What it may read.
  public let readable: [String]
  /// What it may read, write, make and remove.
  public let writable: [String]

  /// What libraries read while they are loaded or later: the libraries themselves, names of time zones and languages, facts of
  /// the processors and of the process's memory. Nothing in them is a user's, and `/etc` is not among them as a whole.
  static let ofTheSystem = [
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/locale", "/usr/share/zoneinfo",
    "/etc/ld.so.cache", "/etc/ld.so.preload", "/etc/localtime",
    "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat",
    "/proc/sys/vm/overcommit_memory", "/sys/devices/system/cpu", "/sys/devices/system/node",
    "/sys/fs/cgroup", "/dev/urandom", "/dev/random", "/dev/zero",
  ]

  /// The files of a worker.
  ///
  /// - Parameters:
  ///   - reads: Files and folders of its task that it reads.
  ///   - writes: Those that it writes.
  ///   - program: The file of the program.
  ///   - libraries: The libraries that are loaded, from wherever they come. Each is allowed as a file: the folder that it is in
  ///     may be anybody's.
  public init(reads: [String], writes: [String], program: String, libraries: [String]) {
    let elsewhere = libraries.filter { path in
      !WorkerFiles.ofTheSystem.contains { path.hasPrefix($0 + "/") }
    }
    readable = reads + [program] + elsewhere + WorkerFiles.ofTheSystem
    writable = writes + ["/dev/null"]
  }

  /// The files of a worker that is this process.
  public init(reads: [String], writes: [String]) {
    self.init(
      reads: reads, writes: writes, program: "/proc/self/exe",
      libraries: WorkerFiles.loadedLibraries)
  }

  /// Bytes of the paths of all libraries; today there are some thousand.
  private static let libraryByteCount = 1 << 20

  /// The paths by which the loader found the libraries of this process.
  ///
  /// `/proc/self/maps` has them too, of which Foundation reads the first part only.
  static var loadedLibraries: [String] {
    let text = unsafe [CChar](unsafeUninitializedCapacity: libraryByteCount) { buffer, count in
      count = unsafe buffer.baseAddress.map { unsafe byol_loaded_libraries($0, buffer.count) } ?? 0
    }
    let bytes = text.map { UInt8(bitPattern: $0) }
    return bytes.split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
  }
}

import CProcess

/// What a worker gives up before it reads a user's pictures.
public enum WorkerConfinement {
  /// From now on this process opens no socket, starts no program, looks into no other process and gains no privilege (seccomp(2), no_new_privs): a
  /// fault in what reads pictures finds nobody to talk to. Files stay as open to it as they are to its user.
  ///
  /// - Returns: the system's error number where the kernel does not offer that; nil where it is in force.
  public static func enter() -> Int32? {
    let failure = byol_confine_process()
    return failure == 0 ? nil : failure
  }
}

/// What the kernel holds a process to.
public struct ProcessConfinement: Hashable, Sendable, Codable {
  /// Whether a seccomp filter judges its system calls.
  public var seccomp: Bool
  /// Whether it and what it starts can gain no privileges.
  public var noNewPrivileges: Bool
  /// The version of Landlock that holds it to its files; 0 where none does.
  public var landlock: Int

  /// What the kernel holds a process to.
  public init(seccomp: Bool, noNewPrivileges: Bool, landlock: Int) {
    self.seccomp = seccomp
    self.noNewPrivileges = noNewPrivileges
    self.landlock = landlock
  }
}

internal import COneDNN

extension OneDNNLowering {
  /// The version of oneDNN that the process runs with.
  public static var libraryVersion: String {
    guard let version = unsafe dnnl_version()?.pointee else { return "unknown" }
    return unsafe "\(version.major).\(version.minor).\(version.patch)"
  }
}

internal import COpenSSL

/// The library of TLS.
public enum OpenSSL {
  /// The version that the process runs with.
  public static var version: String {
    guard let text = unsafe OpenSSL_version(OPENSSL_VERSION_STRING) else { return "unknown" }
    return unsafe String(cString: text)
  }
}

internal import COpenBLAS

/// The library of dense matrices.
public enum OpenBLAS {
  /// The version that the process runs with.
  public static var version: String {
    // "OpenBLAS 0.3.21 DYNAMIC_ARCH NO_AFFINITY Cooperlake MAX_THREADS=64"
    guard let configuration = unsafe openblas_get_config() else { return "unknown" }
    let words = unsafe String(cString: configuration).split(separator: " ")
    return words.count > 1 ? String(words[1]) : "unknown"
  }
}

import CBuild
import Engines
import Evaluation
import HTTP

/// What this program is.
enum Build {
  /// The commit of its sources; nil where the build did not know it.
  static var commit: String? {
    let text = unsafe String(cString: byol_build_commit())
    return text.isEmpty ? nil : text
  }

  /// The libraries that it runs with, with their versions.
  static var libraries: [String: String] {
    ["onednn": Engines.oneDNNVersion, "openblas": OpenBLAS.version, "openssl": OpenSSL.version]
  }
}

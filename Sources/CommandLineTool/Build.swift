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

  /// Product, version, commit, libraries and processor, in lines.
  static var description: String {
    let known = commit.map { " (commit \($0.prefix(12)))" } ?? ""
    return """
      byol \(byolVersion)\(known)
      oneDNN \(Engines.oneDNNVersion), OpenBLAS \(OpenBLAS.version), OpenSSL \(OpenSSL.version)
      Computes as for the processor family \(Engines.processor) (\(Machine.architecture)).
      """
  }

  /// The libraries that it runs with, with their versions.
  static var libraries: [String: String] {
    ["onednn": Engines.oneDNNVersion, "openblas": OpenBLAS.version, "openssl": OpenSSL.version]
  }
}

import Glibc
import HTTP

/// The command line: `--port N`, `--host A`, `--allow-host NAME`, `--tls-cert FILE --tls-key FILE`, `--loops N`, and
/// `--folder PATH` for what is sent to `/disk`.
struct Options {
  var configuration = ServerConfiguration()
  var folder = "/tmp"

  init(_ arguments: ArraySlice<String>) {
    var host = "127.0.0.1"
    var port = 8080
    var files = ("", "")
    configuration.allowedHosts = ["*"]
    var rest = arguments
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else { Options.refuse("\(name) needs a value") }
      switch name {
      case "--port": port = Options.number(value, 0...65_535)
      case "--host": host = value
      case "--allow-host": configuration.allowedHosts = [value]
      case "--tls-cert": files.0 = value
      case "--tls-key": files.1 = value
      case "--loops": configuration.loops = Options.number(value, 1...64)
      case "--folder": folder = value
      default: Options.refuse("unknown option \(name)")
      }
    }
    guard files.0.isEmpty == files.1.isEmpty else {
      Options.refuse("--tls-cert and --tls-key go together")
    }
    configuration.address = .tcp(host: host, port: port)
    if !files.0.isEmpty {
      configuration.tls = TLSConfiguration(certificatePath: files.0, keyPath: files.1)
    }
  }

  private static func number(_ text: String, _ range: ClosedRange<Int>) -> Int {
    guard let value = Int(text), range.contains(value) else {
      refuse("\(text) is not in \(range.lowerBound)…\(range.upperBound)")
    }
    return value
  }

  private static func refuse(_ reason: String) -> Never {
    print("http-echo: \(reason)")
    exit(2)
  }
}

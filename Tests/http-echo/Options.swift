import HTTP

/// The command line: `--port N`, `--host A`, `--allow-host NAME`, `--tls-cert FILE --tls-key FILE`.
struct Options {
  var host = "127.0.0.1"
  var port = 8080
  var allowedHosts: [String] = ["*"]
  var limits = Limits()
  var certificate: String?
  var key: String?

  init(_ arguments: ArraySlice<String>) {
    var rest = arguments
    while let name = rest.popFirst() {
      guard let value = rest.popFirst() else { fatalError("\(name) needs a value") }
      switch name {
      case "--port": port = Int(value) ?? 0
      case "--host": host = value
      case "--allow-host": allowedHosts = [value]
      case "--tls-cert": certificate = value
      case "--tls-key": key = value
      default: fatalError("unknown option \(name)")
      }
    }
  }
}

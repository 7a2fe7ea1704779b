// A small server that outside judges can be pointed at. It is not installed.
import Glibc
import HTTP
import Logging

let options = Options(CommandLine.arguments.dropFirst())
var configuration = ServerConfiguration(host: options.host, port: options.port)
configuration.allowedHosts = options.allowedHosts
configuration.limits = options.limits
if let certificate = options.certificate, let key = options.key {
  configuration.tls = TLSConfiguration(certificatePath: certificate, keyPath: key)
}
var logger = Logger(label: "http-echo") { StreamLogHandler.standardError(label: $0) }
logger.logLevel = .warning

let server = Server(
  configuration: configuration, router: Router(routes: echoRoutes(file: try kibibyteFile())),
  logger: logger,
  errorResponse: { error, _ in
    Response.text("\(error.code): \(error.detail)\n", status: error.status)
  })

let signals = terminationSignals()
do {
  let port = try await server.start()
  print("listening on \(options.host):\(port)")
  fflush(nil)
} catch {
  print("cannot listen: \(error)")
  exit(1)
}
// The first signal drains, the second ends at once.
var draining = false
for await _ in signals {
  if draining { exit(1) }
  draining = true
  Task {
    await server.drain(deadline: .seconds(10))
    exit(0)
  }
}

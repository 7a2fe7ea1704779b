// A small server that outside judges can be pointed at. It is not installed.
import Glibc
import HTTP
import Logging

let options = Options(CommandLine.arguments.dropFirst())
var logger = Logger(label: "http-echo") { StreamLogHandler.standardError(label: $0) }
logger.logLevel = .warning

let server = Server(
  configuration: options.configuration,
  router: Router(routes: echoRoutes(file: try kibibyteFile(), folder: options.folder)),
  logger: logger,
  errorResponse: { error, _ in
    Response.text("\(error.code): \(error.detail)\n", status: error.status)
  })

let signals = signalsOfInterest()
do {
  let port = try await server.start()
  print("listening on port \(port)")
  fflush(nil)
} catch {
  print("cannot listen: \(error)")
  exit(1)
}
// SIGHUP reads the certificate again; the first SIGTERM or SIGINT drains, the second ends at once.
var draining = false
for await number in signals {
  if number == SIGHUP {
    do { try server.reloadCertificate() } catch { logger.error("\(error)") }
    continue
  }
  if draining { exit(1) }
  draining = true
  Task {
    await server.drain(deadline: .seconds(10))
    exit(0)
  }
}

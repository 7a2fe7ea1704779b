import ArgumentParser
import Engines
import Foundation
import HTTP
import JSONTree
import Logging

/// `byol doctor`: whether `byol serve` would work here, and what to do where not.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Check processor, libraries, limits, disk, memory, port and permissions.",
    discussion: """
      Takes the options of `byol serve`, the environment and the file of --config, and looks at what that service would use. The exit \
      status is 1 where something would keep it from working, else 0.
      """)

  @Flag(help: "Print JSON.")
  var json = false

  @Argument(parsing: .allUnrecognized, help: "Options of byol serve.")
  var options: [String] = []

  func run() async throws {
    let findings = await findings()
    print(json ? DoctorCommand.jsonText(findings) : DoctorCommand.text(findings))
    if findings.contains(where: { $0.verdict == .fail }) { throw ExitCode(1) }
  }

  private func findings() async -> [Finding] {
    let command: ServeCommand
    do {
      let settings = try Settings.ofService(
        arguments: options, environment: ProcessInfo.processInfo.environment)
      command = try ServeCommand.parse(settings.arguments + options)
    } catch {
      let detail = (error as? SettingsError)?.description ?? ServeCommand.message(for: error)
      return [
        .fail("settings", detail, advice: "Correct it; byol config shows where values come from.")
      ]
    }
    var findings: [Finding] = [.ok("settings", "as byol config prints them")]
    findings += [.ok("program", Build.description.replacing("\n", with: "; "))]
    findings += MachineReading(root: "/").findings(
      family: Engines.processor, connections: Limits().connections)
    let folder = FolderReading(path: command.data)
    findings += folder.findings()
    findings += [resources(command), await port(command, service: folder.service)]
    return findings
  }

  private func resources(_ command: ServeCommand) -> Finding {
    do {
      _ = try ServiceResources(publicFolder: command.publicFolder, contract: command.contract)
      return .ok("dashboard", "its files and the API's description are found")
    } catch {
      return .fail(
        "dashboard", ServeCommand.message(for: error), advice: "Install the program as a whole.")
    }
  }

  /// Listens as the service would, with its certificate, and stops at once.
  private func port(_ command: ServeCommand, service: pid_t?) async -> Finding {
    let place = command.listen.unixSocket ?? "\(command.host) port \(command.port)"
    if command.listen.socketActivation {
      return .ok("port", "systemd listens and passes the socket on")
    }
    if let service { return .ok("port", "not tried: the service of process \(service) runs") }
    do {
      var configuration = ServerConfiguration(host: command.host, port: command.port)
      try command.listen.apply(to: &configuration)
      configuration.allowedHosts = command.allowedHosts
      let server = Server(
        configuration: configuration, router: Router(routes: []),
        logger: Logger(label: "doctor") { _ in SwiftLogNoOpLogHandler() },
        errorResponse: { _, _ in Response(status: 503) })
      _ = try await server.start()
      await server.drain(deadline: .zero)
      return .ok("port", "\(place) can be listened on")
    } catch let error as HTTPError {
      return .fail(
        "port", "\(place): \(error.detail)",
        advice: "Find who listens with ss -ltnp, choose another --port, or mend the certificate.")
    } catch {
      return .fail("port", ServeCommand.message(for: error), advice: "Correct the options.")
    }
  }
}

extension DoctorCommand {
  /// A line for each finding, and one for the advice.
  static func text(_ findings: [Finding]) -> String {
    findings.map { finding in
      let mark = finding.verdict.rawValue.padding(toLength: 5, withPad: " ", startingAt: 0)
      let advice = finding.advice.isEmpty ? "" : "\n      → \(finding.advice)"
      return "\(mark) \(finding.name): \(finding.detail)\(advice)"
    }.joined(separator: "\n")
  }

  /// The same as JSON; `verdict` is the worst.
  static func jsonText(_ findings: [Finding]) -> String {
    let worst = Finding.Verdict.allCases.last { verdict in
      findings.contains { $0.verdict == verdict }
    }
    let checks = findings.map { finding -> JSONValue in
      [
        "name": .string(finding.name), "verdict": .string(finding.verdict.rawValue),
        "detail": .string(finding.detail), "advice": .string(finding.advice),
      ]
    }
    let report: JSONValue = [
      "verdict": .string((worst ?? .ok).rawValue), "checks": .array(checks),
    ]
    return String(decoding: report.encoded, as: UTF8.self)
  }
}

import Foundation
import FoundationNetworking
import JSONTree
import Synchronization
import Testing

/// The real binary, serving on a free port; ended with the value.
final class ServiceProcess: Sendable {
  /// The binary beside the test bundle.
  static var program: String {
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("byol").path
  }

  /// The address that the service printed.
  let address: String
  private let process: Process
  private let output: Output

  /// Starts the service and waits until it has told its address.
  ///
  /// Its workers have the usual priority: as polite as they are by default, they would get no processor beside other tests,
  /// neither to train nor to end.
  init(data: String, arguments: [String] = []) async throws {
    (process, output) = try Self.launch(
      [
        "serve", "--data", data, "--port", "0", "--public", repositoryPath("Public"), "--niceness",
        "0",
      ]
        + arguments)
    address = try await output.address()
  }

  deinit {
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  /// The service's process number.
  var identifier: pid_t { process.processIdentifier }

  /// Sends a signal and waits for the end.
  ///
  /// - Returns: the exit status, or minus the signal that ended it.
  func end(_ signal: Int32) -> Int32 {
    kill(process.processIdentifier, signal)
    process.waitUntilExit()
    return process.terminationReason == .exit
      ? process.terminationStatus : -process.terminationStatus
  }

  /// All that an ended service printed and logged.
  var text: String { output.everything() }

  /// Runs the program to its end.
  static func run(_ arguments: [String]) throws -> (status: Int32, text: String) {
    let (process, output) = try launch(arguments)
    process.waitUntilExit()
    return (process.terminationStatus, output.everything())
  }

  private static func launch(_ arguments: [String]) throws -> (Process, Output) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let output = Output()
    process.standardOutput = output.pipe
    process.standardError = output.pipe
    output.begin()
    try process.run()
    return (process, output)
  }
}

/// What a process prints.
private final class Output: Sendable {
  let pipe = Pipe()
  private let bytes = Mutex<[UInt8]>([])
  private let isOver = DispatchSemaphore(value: 0)

  /// Reads on a thread of its own: a handler of Dispatch shares Swift's threads with tests that wait.
  func begin() {
    Thread.detachNewThread { [self] in
      let handle = pipe.fileHandleForReading
      while case let more = handle.availableData, !more.isEmpty {
        bytes.withLock { $0 += more }
      }
      isOver.signal()
    }
  }

  /// What has come so far; a character may have come in part.
  private var text: String { bytes.withLock { String(decoding: $0, as: UTF8.self) } }

  func everything() -> String {
    isOver.wait()
    isOver.signal()  // whoever asks again need not wait
    return text
  }

  func address() async throws -> String {
    try await eventually("the address") { [self] in
      text.firstMatch(of: #/byol serves on (https?://\S+) /#).map { String($0.1) }
    }
  }
}

/// What `body` gives, asked again and again until it gives something; fails after a deadline.
func eventually<Value>(
  _ what: String, within limit: Duration = .seconds(120),
  _ body: () async throws -> Value?
) async throws -> Value {
  let began = ContinuousClock.now
  while began.duration(to: .now) < limit {
    if let value = try await body() { return value }
    try await Task.sleep(for: .milliseconds(50))
  }
  throw TookTooLong(what: what)
}

struct TookTooLong: Error {
  let what: String
}

/// A path in the repository.
func repositoryPath(_ name: String) -> String {
  URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(name).path
}

/// A fresh folder, removed with the value.
final class FreshFolder: Sendable {
  let path = NSTemporaryDirectory() + "byol-service-\(UUID().uuidString)"

  init() throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

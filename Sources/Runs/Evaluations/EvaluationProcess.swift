public import Evaluation
import Foundation
import JSONTree
import Synchronization

/// A process that evaluates, as its queue sees it.
public protocol EvaluationProcess: Sendable {
  /// Its lines, each once, in order; ends when it has left. Has one reader.
  var messages: AsyncStream<EvaluationMessage> { get }
  /// Asks it to leave; it is killed where it does not within some seconds.
  func askToStop()
  /// What it said last on standard error, or how it ended; to be asked when the messages have ended.
  func lastWords() async -> String
}

/// `byol evaluate --worker` in a process of its own, with lower priority.
///
/// Its standard input stays open for as long as this object lives, so that it leaves where the service dies.
public final class EvaluationCommandProcess: EvaluationProcess {
  /// What the process reports; ends when it has ended.
  public let messages: AsyncStream<EvaluationMessage>
  private let process: Process
  private let input = Pipe()
  private let words = Mutex(Words())
  private let errorsEnded = DispatchSemaphore(value: 0)
  private let patience: Duration

  /// What it said last, and how it ended. Two threads learn the two, in either order.
  private struct Words {
    var said = ""
    var end: String?

    var text: String {
      guard let end else { return said }
      return said.isEmpty ? end : "\(end) It said: \(said)"
    }
  }

  /// Longest wait for the rest of standard error of a process that has ended, in seconds: one that it started may hold it open.
  private static let errorsPatience = 2.0

  /// Starts a program with its arguments; the first is its path.
  ///
  /// - Throws: the system's error where it cannot be started.
  public init(_ arguments: [String], patience: Duration = .seconds(10)) throws {
    self.patience = patience
    let (output, errors) = (Pipe(), Pipe())
    process = Process()
    process.executableURL = URL(fileURLWithPath: arguments.first ?? "")
    process.arguments = Array(arguments.dropFirst())
    process.standardInput = input
    process.standardOutput = output
    process.standardError = errors
    let (stream, continuation) = AsyncStream<EvaluationMessage>.makeStream(
      bufferingPolicy: .bufferingNewest(1000))
    messages = stream
    try process.run()
    Thread.detachNewThread { [self] in
      readErrors(errors.fileHandleForReading)
      errorsEnded.signal()
    }
    Thread.detachNewThread { [self] in
      read(output.fileHandleForReading, continuation)
      process.waitUntilExit()
      noteExit()
      _ = errorsEnded.wait(timeout: .now() + Self.errorsPatience)
      continuation.finish()
    }
  }

  /// Asks the process to end, by SIGTERM; it is killed where it does not.
  public func askToStop() {
    guard process.isRunning else { return }
    process.terminate()
    let number = process.processIdentifier
    Task { [self, patience] in
      try? await Task.sleep(for: patience)
      // While it runs its number is its own.
      if process.isRunning { kill(number, SIGKILL) }
    }
  }

  /// What it wrote to standard error, its end at least.
  public func lastWords() async -> String { words.withLock { $0.text } }

  private func read(
    _ handle: FileHandle, _ continuation: AsyncStream<EvaluationMessage>.Continuation
  ) {
    var lines = LineBuffer(limit: EvaluationMessage.maximumByteCount)
    while case let bytes = handle.availableData, !bytes.isEmpty {
      for line in lines.append(bytes) {
        guard let message = try? JSONCoding.decode(EvaluationMessage.self, from: line) else {
          continue
        }
        continuation.yield(message)
      }
    }
  }

  private func readErrors(_ handle: FileHandle) {
    var lines = LineBuffer(limit: 2000)
    while case let bytes = handle.availableData, !bytes.isEmpty {
      for line in lines.append(bytes) where !line.isEmpty {
        words.withLock { $0.said = String(decoding: line, as: UTF8.self) }
      }
    }
  }

  private func noteExit() {
    let status = process.terminationStatus
    let isSignal = process.terminationReason == .uncaughtSignal
    words.withLock {
      $0.end = "Its process ended by \(isSignal ? "signal" : "exit code") \(status)."
    }
  }
}

/// Cuts bytes into lines; a line over the limit is cut off there.
struct LineBuffer {
  let limit: Int
  private var line: [UInt8] = []

  init(limit: Int) { self.limit = limit }

  /// The lines that are complete now.
  mutating func append(_ bytes: Data) -> [[UInt8]] {
    var complete: [[UInt8]] = []
    let parts = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if index > 0 {
        complete.append(line)
        line = []
      }
      line += part.prefix(max(0, limit - line.count))
    }
    return complete
  }
}

import ArgumentParser
import Foundation
import Runs

/// A worker of the service, which gives up what it does not need before it reads pictures.
struct ConfinedWorker: ParsableArguments {
  @Flag(
    help: ArgumentHelp(
      "As the service's worker: this is the second start, held to its files.", visibility: .hidden))
  var heldToFiles = false

  /// Holds this process to its files, which starts the program anew, and then takes everything else from it. What the kernel
  /// does not do is told, and the worker goes on.
  ///
  /// - Parameters:
  ///   - reads: Files and folders that the worker reads.
  ///   - writes: Those that it writes.
  func confine(reads: [String], writes: [String]) {
    if !heldToFiles { holdToFiles(reads: reads, writes: writes) }
    guard let failure = WorkerConfinement.enter() else { return }
    say("The kernel does not filter this worker's system calls: \(words(of: failure)).")
  }

  private func holdToFiles(reads: [String], writes: [String]) {
    let without = "Its user's rights to files are what holds it."
    guard WorkerConfinement.landlockVersion > 0 else {
      return say("The kernel has no Landlock for this worker. \(without)")
    }
    let failure = WorkerConfinement.startAnew(
      heldTo: WorkerFiles(reads: reads, writes: writes), mark: "--held-to-files")
    say("The kernel does not hold this worker to its files: \(words(of: failure)). \(without)")
  }

  private func words(of failure: Int32) -> String { unsafe String(cString: strerror(failure)) }
}

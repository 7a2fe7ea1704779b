import ArgumentParser
import Datasets
import Foundation

/// `byol benchmark admission`
struct AdmissionBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "admission", abstract: "Measure how fast pictures are admitted.",
    discussion: """
      In the time: reading the folder or archive, decoding every picture, the report with its duplicates, and \
      writing the pack to the disk, flushed. The pack is made in the folder for temporary files and removed. Figures \
      are medians of whole admissions.
      """)

  @Option(help: "A folder, or a tar, tar.gz, tar.zst or zip file.")
  var input: String

  @Option(help: "Threads that decode.")
  var threads = 2

  @OptionGroup var measurement: MeasurementOptions

  mutating func validate() throws {
    guard (1...4096).contains(threads) else { throw ValidationError("--threads must be 1…4096.") }
  }

  func run() throws {
    let source = try DatasetSource(path: input)
    let folder = FileManager.default.temporaryDirectory.appending(
      path: "byol-admission-\(UUID().uuidString)")
    var report: AdmissionReport?
    let median = try measurement.median(warmup: 1) {
      defer { try? FileManager.default.removeItem(at: folder) }
      report = try admit(source: source, into: folder.path, threads: threads)
    }
    let accepted = report?.accepted ?? 0
    let (speed, memory) = (Double(accepted) / median, peakMemoryByteCount())
    guard measurement.json else {
      return print(
        "\(accepted) pictures on \(inWords(threads: threads)): "
          + String(format: "%.1f pictures/s, ", speed) + "\(memory >> 20) MiB at most")
    }
    print(
      "{\"pictures_per_second\":\(speed),\"pictures\":\(accepted),\"seconds\":\(median),"
        + "\"peak_memory_bytes\":\(memory)}")
  }
}

public import ArgumentParser
public import BYOL
import Foundation
import Images
import NeuralNetworks
import OneDNNLowering

/// `byol benchmark`: one measurement in a process of its own, to be put beside a peer's.
struct BenchmarkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmark", abstract: "Measure one thing on this machine.",
    subcommands: [StepBenchmark.self])
}

/// `byol benchmark step`
struct StepBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "step", abstract: "Measure a whole update on synthetic views.",
    discussion: """
      In the time: both views through both networks, loss, all gradients, optimizer, target, and the copy of the \
      views into the engine. Not in it: decoding and augmentation, compilation, the first two updates. A picture \
      counts once although it gives two views. Figures are medians.
      """)

  @Option(help: "resnet18, resnet34, resnet50, resnet101 or resnet152.")
  var encoder = EncoderConfiguration.Architecture.resnet18

  @Option(help: "imagenet or cifar.")
  var stem = EncoderConfiguration.Stem.cifar

  @Option(help: "Side of the views, in pixels.")
  var size = 32

  @Option(help: "Pictures an update.")
  var batch = 64

  @Option(help: "float32 (the only one yet).")
  var precision = Recipe.Precision.float32

  @Option(help: "Seconds to measure for, at least; at least three updates are.")
  var seconds = 10.0

  @Option(help: "Threads; default: one a processor.")
  var threads: Int?

  @Flag(help: "Print one line of JSON.")
  var json = false

  mutating func validate() throws {
    guard RecipeLimits.imageSize.contains(size), (2...4096).contains(batch) else {
      throw ValidationError(
        "--size must be \(RecipeLimits.imageSize) pixels and --batch 2…4096 pictures.")
    }
    guard (0...3600).contains(seconds) else { throw ValidationError("--seconds must be 0…3600.") }
  }

  func run() throws {
    var request = RecipeRequest()
    request.architecture = .value(encoder)
    request.stem = .value(stem)
    request.imageSize = .value(size)
    request.batchSize = .value(batch)
    let resolved = try request.resolve(
      dataset: DatasetSize(pictures: 100 * batch, medianShortSide: size),
      machine: Machine.size(Machine.threads(threads)))
    let trainer = try Trainer(
      resolved.recipe, lowering: OneDNNLowering(threads: Machine.threads(threads)))
    let (first, second) = (syntheticView(shift: 0), syntheticView(shift: 11))
    var times: [Double] = []
    let began = monotonicSeconds()
    for step in 0... {
      let start = monotonicSeconds()
      _ = try trainer.update(first: first.span, second: second.span)
      let end = monotonicSeconds()
      if step >= 2 { times.append(end - start) }
      if times.count >= 3, end - began >= seconds { break }
    }
    report(times.sorted()[times.count / 2])
  }

  /// Values in ±1 that no two neighbours share.
  private func syntheticView(shift: Int) -> [Float] {
    (0..<batch * size * size * 3).map { index in Float((index * 37 + shift) % 255) / 127 - 1 }
  }

  private func report(_ median: Double) {
    let (speed, memory) = (Double(batch) / median, peakMemoryByteCount())
    if json {
      print(
        "{\"images_per_second\":\(speed),\"step_seconds\":\(median),"
          + "\"peak_memory_bytes\":\(memory),\"precision\":\"\(precision.rawValue)\"}")
    } else {
      print(
        "\(encoder.rawValue), \(stem.rawValue) stem, \(size) px, batch \(batch), \(precision.rawValue): "
          + String(format: "%.1f img/s, %.3f s a step, ", speed, median)
          + "\(memory >> 20) MiB at most")
    }
  }
}

extension Recipe.Precision: ExpressibleByArgument {}

/// The most memory that this process has held, in bytes.
func peakMemoryByteCount() -> Int {
  var usage = rusage()
  unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return usage.ru_maxrss * 1024
}

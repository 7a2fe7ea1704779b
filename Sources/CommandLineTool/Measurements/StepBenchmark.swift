import ArgumentParser
import Foundation
import Recipes
import TensorGraph
import Training

/// `byol benchmark`: one measurement in a process of its own, to be put beside a peer's.
struct BenchmarkCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "benchmark", abstract: "Measure one thing on this machine.",
    subcommands: [
      StepBenchmark.self, EncoderBenchmark.self, ViewsBenchmark.self, AdmissionBenchmark.self,
      SearchBenchmark.self,
    ])
}

/// How long to measure, and how to say it.
struct MeasurementOptions: ParsableArguments {
  @Option(help: "Seconds to measure for, at least; at least three times are taken.")
  var seconds = 10.0

  @Flag(help: "Print one line of JSON.")
  var json = false

  mutating func validate() throws {
    guard (0...3600).contains(seconds) else { throw ValidationError("--seconds must be 0…3600.") }
  }

  /// The median of the seconds that `body` takes, after `warmup` calls that do not count.
  func median(warmup: Int, _ body: () throws -> Void) rethrows -> Double {
    for _ in 0..<warmup { try body() }
    var times: [Double] = []
    let began = monotonicSeconds()
    while times.count < 3 || monotonicSeconds() - began < seconds {
      let start = monotonicSeconds()
      try body()
      times.append(monotonicSeconds() - start)
    }
    return times.sorted()[times.count / 2]
  }
}

/// `byol benchmark step`
struct StepBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "step", abstract: "Measure a whole update on synthetic views.",
    discussion: """
      In the time: both views through both networks (local ones through the online network), loss, all gradients, optimizer, target, and the copy of the \
      views into the engine. Not in it: decoding and augmentation, compilation, the first two updates. A picture \
      counts once although it gives several views. Figures are medians.
      """)

  @OptionGroup var update: UpdateOptions
  @OptionGroup var measurement: MeasurementOptions

  func run() throws {
    let recipe = try update.recipe()
    let trainer = try update.trainer(recipe)
    let views = update.syntheticViews()
    let median = try measurement.median(warmup: 2) {
      for (place, view) in views.enumerated() { trainer.write(view.span, view: place) }
      _ = try trainer.update()
    }
    let (speed, memory) = (Double(update.batch) / median, peakMemoryByteCount())
    guard measurement.json else {
      return print(
        update.sentence(recipe) + ": "
          + String(format: "%.1f img/s, %.3f s a step, ", speed, median)
          + "\(memory >> 20) MiB at most")
    }
    print(
      "{\"images_per_second\":\(speed),\"step_seconds\":\(median),"
        + "\"peak_memory_bytes\":\(memory),\"precision\":\"\(recipe.precision.rawValue)\"}")
  }
}

/// The most memory that this process has held, in bytes.
func peakMemoryByteCount() -> Int {
  var usage = rusage()
  unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
  return usage.ru_maxrss * 1024
}

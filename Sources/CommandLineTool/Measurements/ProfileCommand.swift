import ArgumentParser
import TensorGraph
import Training

/// `byol profile`
struct ProfileCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "profile", abstract: "Measure where an update's time goes, against its floor.",
    discussion: """
      The floor of a step is the greater of its bytes over this machine's memory bandwidth and its \
      multiplications over the rate of a large convolution, both measured first on the same threads. A step whose \
      operands are still in a cache can be faster than its floor. Times are medians.
      """)

  @OptionGroup var update: UpdateOptions

  @Option(help: "Updates to measure.")
  var updates = 7

  @Flag(help: "Tell shapes and kernels of the same operation apart.")
  var kernels = false

  mutating func validate() throws {
    guard (1...1000).contains(updates) else { throw ValidationError("--updates must be 1…1000.") }
  }

  func run() throws {
    let recipe = try update.recipe()
    let rates = try MachineRates(update.engine)
    let trainer = try update.trainer(recipe)
    let steps = try update.inspection(trainer).steps
    let seconds = try measure(trainer, steps.count)
    print(update.sentence(recipe))
    print(
      "memory \(fixed(rates.bytesPerSecond / 1e9, 1)) GB/s, "
        + "\(fixed(2 * rates.multiplicationsPerSecond / 1e9, 0)) GFLOP/s")
    print(TextTable.line(["operation", "steps", "ms", "share", "floor, ms", "× floor"]))
    for row in rows(steps, seconds, rates) { print(row.line(of: seconds.reduce(0, +))) }
  }

  /// The median seconds of each step.
  private func measure(_ trainer: Trainer, _ stepCount: Int) throws -> [Double] {
    let views = update.syntheticViews()
    var times = Array(repeating: [Double](), count: stepCount)
    for turn in 0..<updates + 2 {
      var last = monotonicSeconds()
      for (place, view) in views.enumerated() { trainer.write(view.span, view: place) }
      _ = try trainer.update() { step in
        let now = monotonicSeconds()
        if turn >= 2 { times[step].append(now - last) }
        last = now
      }
    }
    return times.map { $0.sorted()[$0.count / 2] }
  }

  private func rows(_ steps: [ProgramStep], _ seconds: [Double], _ rates: MachineRates)
    -> [ProfileRow]
  {
    var rows: [String: ProfileRow] = [:]
    for (step, seconds) in zip(steps, seconds) {
      let name = kernels ? "\(step.name) \(step.shape) \(step.kernel)" : step.name
      var row = rows[name] ?? ProfileRow(name: name)
      row.count += 1
      row.seconds += seconds
      row.floor += rates.floor(of: step)
      rows[name] = row
    }
    let all = rows.values.sorted { $0.seconds > $1.seconds }
    let total = all.reduce(into: ProfileRow(name: "in all")) { total, row in
      total.count += row.count
      total.seconds += row.seconds
      total.floor += row.floor
    }
    return all + [total]
  }
}

/// The steps of one operation together.
private struct ProfileRow {
  var name: String
  var count = 0
  var seconds = 0.0
  var floor = 0.0

  func line(of total: Double) -> String {
    TextTable.line([
      name, "\(count)", fixed(seconds * 1000, 2), fixed(100 * seconds / total, 1) + " %",
      fixed(floor * 1000, 2), floor > 0 ? fixed(seconds / floor, 2) : "",
    ])
  }
}

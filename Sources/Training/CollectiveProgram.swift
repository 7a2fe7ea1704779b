import Methods
import TensorGraph

/// An update that several processes make together: gradients, their mean over the processes, then the optimizer.
///
/// It looks like the program of a whole update. Inside are two: the graph of the gradients, and that of the optimizer and the
/// averages. After a run, the variables, the loss and what is reported are the same bits in every process; the outputs of
/// the pictures, such as the representations, are each process's own.
///
/// The two programs have memory of their own, so that the new weights are copied from one to the other. Each batch
/// normalisation sees its process's share of the batch.
final class CollectiveProgram: Program {
  private let collective: any Collective
  private let gradients: any Program
  private let application: any Program
  /// What is averaged of the first program: gradients, figures, and the statistics of batch normalisation.
  private let gradientNames: [String]
  private let figureNames: [String]
  private let statistics: Set<String>
  /// Variables and inputs of each program.
  private let takenByGradients: Set<String>
  private let takenByApplication: Set<String>
  /// The weights that the second program changes and the first one reads.
  private let shared: [String]
  /// The figures of the last run, averaged.
  private var figures: [String: [Float]] = [:]

  /// Compiles both parts of a split update.
  ///
  /// - Throws: `LoweringError` if one does not compile.
  init(_ update: Update, lowering: any Lowering, _ collective: any Collective)
    throws(LoweringError)
  {
    guard let graph = update.application else {
      preconditionFailure("A whole update has no place between gradients and optimizer.")
    }
    self.collective = collective
    gradients = try lowering.compile(update.graph)
    application = try lowering.compile(graph)
    let first = update.graph.variables.map(\.name)
    let second = Set(graph.variables.map(\.name))
    takenByGradients = Set(first + update.graph.inputs.map(\.name))
    takenByApplication = second.union(graph.inputs.map(\.name))
    shared = first.filter(second.contains)
    let assigned = Set(update.graph.assignments.map(\.variable))
    statistics = Set(update.graph.variables.filter { assigned.contains($0.node) }.map(\.name))
    let inputs = Set(graph.inputs.map(\.name))
    gradientNames = update.graph.outputs.map(\.name).filter(inputs.contains)
    figureNames = Set([Update.lossName] + update.figures.map(\.output)).sorted()
  }

  func write(_ values: [Float], to name: String) {
    if takenByGradients.contains(name) { gradients.write(values, to: name) }
    if takenByApplication.contains(name) { application.write(values, to: name) }
  }

  func write(channelsLast values: Span<Float>, to name: String) {
    gradients.write(channelsLast: values, to: name)
  }

  func read(_ name: String) -> [Float] {
    if let figure = figures[name] { return figure }
    return takenByApplication.contains(name) ? application.read(name) : gradients.read(name)
  }

  func run() throws(LoweringError) {
    try gradients.run()
    // The figures too: a loss that is not finite in one process ends all of them at the same update.
    for (name, mean) in try means(gradientNames + figureNames + statistics.sorted()) {
      if statistics.contains(name) {
        gradients.write(mean, to: name)
      } else if takenByApplication.contains(name) {
        application.write(mean, to: name)
      } else {
        figures[name] = mean
      }
    }
    try application.run()
    for name in shared { gradients.write(application.read(name), to: name) }
  }

  /// The means over the processes of values of the first program, in one call of the collective.
  private func means(_ names: [String]) throws(LoweringError) -> [(name: String, mean: [Float])] {
    let values = names.map { gradients.read($0) }
    var all = values.flatMap { $0 }
    do {
      try collective.allReduce(&all)
    } catch {
      throw .executionFailed("the sum over \(collective.count) processes: \(error)")
    }
    let count = Float(collective.count)
    var first = 0
    return zip(names, values).map { name, own in
      defer { first += own.count }
      return (name, all[first..<first + own.count].map { $0 / count })
    }
  }
}

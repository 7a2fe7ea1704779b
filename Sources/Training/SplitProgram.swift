import Methods
import TensorGraph

/// An update in two steps: the gradients of several parts of a batch, then their mean, then the optimizer.
///
/// The parts are those of several processes, each with a share of the batch, and those that one process computes one after
/// the other (gradient accumulation). It looks like the program of a whole update. Inside are two: the graph of the gradients of
/// one part, and that of the optimizer and the averages. After a run, the variables, the loss and what is reported are the same
/// bits in every process; the outputs of the pictures, such as the representations, are each process's own.
///
/// The two programs have memory of their own, so that the new weights are copied from one to the other. Each batch
/// normalisation sees one part of the batch; its running statistics move on with each part.
final class SplitProgram: Program {
  private let collective: any Collective
  /// Parts that this process computes one after the other.
  private let parts: Int
  private let gradients: any Program
  private let application: any Program
  /// What is averaged of the first program: gradients and figures over all parts, statistics over the processes.
  private let gradientNames: [String]
  private let figureNames: [String]
  private let statistics: Set<String>
  /// Variables and inputs of each program.
  private let takenByGradients: Set<String>
  private let takenByApplication: Set<String>
  /// The weights that the second program changes and the first one reads.
  private let shared: [String]
  /// The inputs with a row or a view for each picture.
  private let pictureInputs: Set<String>
  /// The values of these inputs for all parts, where there are several.
  private var pictures: [String: (values: [Float], isChannelsLast: Bool)] = [:]
  /// The figures of the last run, averaged, and the outputs of all its pictures.
  private var read: [String: [Float]] = [:]

  private static let pictureOutputs = [Update.representationName, Update.projectionName]

  /// Compiles both programs of a split update, which is recorded for one part.
  ///
  /// - Throws: `LoweringError` if one does not compile.
  init(_ update: Update, parts: Int, lowering: any Lowering, _ collective: any Collective)
    throws(LoweringError)
  {
    guard let graph = update.application else {
      preconditionFailure("A whole update has no place between gradients and optimizer.")
    }
    self.collective = collective
    self.parts = parts
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
    pictureInputs = Set(update.viewNames + [Update.labelsName])
  }

  func write(_ values: [Float], to name: String) {
    if parts > 1, pictureInputs.contains(name) {
      pictures[name] = (values, isChannelsLast: false)
      return
    }
    if takenByGradients.contains(name) { gradients.write(values, to: name) }
    if takenByApplication.contains(name) { application.write(values, to: name) }
  }

  func write(channelsLast values: Span<Float>, to name: String) {
    guard parts > 1 else { return gradients.write(channelsLast: values, to: name) }
    // The caller's views are gone when the last part is computed.
    pictures[name] = (values.indices.map { values[$0] }, isChannelsLast: true)
  }

  func read(_ name: String) -> [Float] {
    if let value = read[name] { return value }
    return takenByApplication.contains(name) ? application.read(name) : gradients.read(name)
  }

  func run() throws(LoweringError) {
    read = [:]
    var sums = try sumsOfParts()
    if parts > 1 {
      for (name, sum) in sums { sums[name] = sum.map { $0 / Float(parts) } }
    }
    // The figures too: a loss that is not finite in one process ends all of them at the same update.
    for (name, mean) in try meansOverProcesses(&sums) {
      if statistics.contains(name) {
        gradients.write(mean, to: name)
      } else if takenByApplication.contains(name) {
        application.write(mean, to: name)
      } else {
        read[name] = mean
      }
    }
    try application.run()
    for name in shared { gradients.write(application.read(name), to: name) }
  }

  /// The sums of gradients and figures over the parts of this process, by name.
  private func sumsOfParts() throws(LoweringError) -> [String: [Float]] {
    var sums: [String: [Float]] = [:]
    for part in 0..<parts {
      if parts > 1 { write(part: part) }
      try gradients.run()
      for name in gradientNames + figureNames {
        let values = gradients.read(name)
        guard var sum = sums.removeValue(forKey: name) else {
          sums[name] = values
          continue
        }
        for index in values.indices { sum[index] += values[index] }
        sums[name] = sum
      }
      guard parts > 1 else { continue }
      for name in Self.pictureOutputs { read[name, default: []] += gradients.read(name) }
    }
    return sums
  }

  private func write(part: Int) {
    for (name, value) in pictures {
      let count = value.values.count / parts
      let range = part * count..<(part + 1) * count
      if value.isChannelsLast {
        gradients.write(channelsLast: value.values.span.extracting(range), to: name)
      } else {
        gradients.write(Array(value.values[range]), to: name)
      }
    }
  }

  /// The means over the processes of the sums, and of the statistics, in one call of the collective.
  private func meansOverProcesses(_ sums: inout [String: [Float]]) throws(LoweringError)
    -> [(name: String, mean: [Float])]
  {
    guard collective.count > 1 else { return sums.map { ($0.key, $0.value) } }
    let names = gradientNames + figureNames + statistics.sorted()
    let values = names.map { sums[$0] ?? gradients.read($0) }
    sums = [:]
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

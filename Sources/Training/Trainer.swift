import Methods
import NeuralNetworks
public import Recipes
public import TensorGraph
import Tensors

/// What one update measured.
public struct StepMetrics: Sendable, Hashable {
  /// The update's number, 0-based.
  public var step: Int
  /// The sum of the losses, each a mean over the batch.
  public var loss: Double
  /// The learning rate of this update.
  public var learningRate: Double
  /// τ of this update; nil where no network follows another.
  public var tau: Double?
  /// What the method reports beside the loss, by name, such as `cosine`.
  public var figures: [String: Double]
}

/// Why training cannot start or go on.
public enum TrainingError: Error, Sendable, CustomStringConvertible {
  /// The loss of an update was infinite or not a number. The trainer's state is spoilt: go back to the last
  /// checkpoint.
  case lossNotFinite(step: Int)
  /// The weights, or what else an update changes, are infinite or not a number after so many updates, although the last
  /// loss was finite: a gradient overflowed. No checkpoint of them is written, and none is taken up.
  case stateNotFinite(step: Int, tensor: String)
  /// The method learns from labels, and a picture has none that the recipe knows.
  case labelMissing(step: Int)
  /// The representation has collapsed, and the recipe says that the run is then over.
  case collapsed(step: Int, evidence: String)
  /// The engine could not compile or run the update.
  case engine(LoweringError)
  /// A state does not fit the recipe: the tensor that is missing or of another shape.
  case stateMismatch(tensor: String)
  /// A batch cannot be shared equally by so many processes, in as many parts as the recipe says.
  case batchNotShareable(pictures: Int, processes: Int)

  /// One sentence for the log.
  public var description: String {
    switch self {
    case .lossNotFinite(let step):
      "The loss of step \(step) is not finite; a lower learning rate usually helps."
    case .stateNotFinite(let step, let tensor):
      "After \(step) updates \(tensor) is not finite; a lower learning rate usually helps."
    case .labelMissing(let step):
      "A picture of step \(step) has no label; the method learns from labels."
    case .collapsed(let step, let evidence):
      "After \(step) updates the representation has collapsed. \(evidence)"
    case .engine(let error): "\(error)"
    case .stateMismatch(let tensor):
      "The checkpoint does not fit the recipe: \(tensor) is missing or has another shape."
    case .batchNotShareable(let pictures, let processes):
      "A batch of \(pictures) pictures cannot be shared equally by \(processes) processes; "
        + "batch_size must be a multiple of \(processes)."
    }
  }
}

/// Performs updates: the compiled graph of a recipe's update with a training state in its variables.
///
/// Not safe for concurrent use; one owner calls it from one thread at a time.
public final class Trainer {
  private let recipe: Recipe
  let update: Update
  private let program: any Program
  /// Updates done, which is also the number (0-based) of the next one.
  public private(set) var step: Int

  /// Compiles the update and takes up `state`, or a fresh one, whose encoder begins with `initial` where that is given.
  ///
  /// In a world of one process the update is one program. In a larger one each process updates on its share of the batch:
  /// gradients are averaged over the processes before the optimizer's step, and so are the running statistics after it. With
  /// `accumulation` a process computes its share in parts, one after the other.
  ///
  /// - Throws: `engine` if the graph does not compile, `stateMismatch` if the state is not the recipe's, `stateNotFinite` if
  ///   it is spoilt, `batchNotShareable` if the processes do not divide the batch.
  public init(
    _ recipe: Recipe, state: TrainingState? = nil, initial: InitialWeights? = nil,
    lowering: any Lowering, collective: any Collective = SoloCollective()
  ) throws(TrainingError) {
    self.recipe = recipe
    let (pictures, processes) = (recipe.batchSize, collective.count)
    let shares = processes * recipe.accumulation
    guard pictures.isMultiple(of: shares) else {
      throw .batchNotShareable(pictures: pictures, processes: processes)
    }
    update = recipe.update(of: pictures / shares, isSplit: shares > 1)
    do {
      program =
        shares == 1
        ? try lowering.compile(update.graph)
        : try SplitProgram(
          update, parts: recipe.accumulation, lowering: lowering, collective)
    } catch { throw .engine(error) }
    step = state?.step ?? 0
    if let state { try load(state) } else { begin(with: initial) }
  }

  /// The views of each picture that an update takes.
  public var viewCount: Int { update.viewNames.count }

  /// Takes this process's share of the batch of one view for the next update: `[N, S, S, C]`, normalised.
  public func write(_ batch: Span<Float>, view: Int) {
    program.write(channelsLast: batch, to: update.viewNames[view])
  }

  /// Takes the labels of this process's share of the batch for the next update, where the method learns from them.
  ///
  /// - Throws: `labelMissing` for a picture without a label, or with one that the recipe does not know.
  public func write(labels: [Int?]) throws(TrainingError) {
    guard let classes = update.classes else { return }
    var rows = [Float](repeating: 0, count: labels.count * classes)
    for (row, label) in labels.enumerated() {
      guard let label, label < classes else { throw .labelMissing(step: step) }
      rows[row * classes + label] = 1
    }
    program.write(rows, to: Update.labelsName)
  }

  /// One update on the views that were written. Where the program can be inspected, `afterEachStep` is called with each
  /// step's index in `inspection.steps` when that step has ended, for profiles.
  ///
  /// - Throws: `lossNotFinite` or `engine`; the trainer is then spent.
  public func update(afterEachStep: (Int) -> Void = { _ in }) throws(TrainingError) -> StepMetrics {
    let learningRate = recipe.learningRate(step: step)
    let scalars = update.rule.scalars(learningRate: learningRate, step: step + 1)
    for (name, value) in zip(update.rule.scalarNames, scalars) { program.write([value], to: name) }
    let tau = update.hasTau ? recipe.tau(step: step) : nil
    if let tau { program.write([Float(tau)], to: "tau") }
    if update.hasTermWeight {
      program.write([Float(recipe.termWeight(step: step))], to: Update.termWeightName)
    }
    do {
      if let inspection {
        try inspection.run(afterEachStep: afterEachStep)
      } else {
        try program.run()
      }
    } catch { throw .engine(error) }
    let loss = Double(program.read(Update.lossName)[0])
    guard loss.isFinite else { throw .lossNotFinite(step: step) }
    defer { step += 1 }
    return StepMetrics(
      step: step, loss: loss, learningRate: learningRate, tau: tau, figures: figures(loss: loss))
  }

  private func figures(loss: Double) -> [String: Double] {
    var figures: [String: Double] = [:]
    for figure in update.figures {
      let value = figure.output == Update.lossName ? loss : Double(program.read(figure.output)[0])
      figures[figure.name] = figure.offset + figure.factor * value
    }
    return figures
  }

  /// The representations `[N, D]` of the last update's first views, row-major.
  public var representations: [Float] { program.read(Update.representationName) }
  /// Their projections `[N, D]`, row-major.
  public var projections: [Float] { program.read(Update.projectionName) }

  /// A copy of everything that the updates have changed.
  public var state: TrainingState {
    TrainingState(
      step: step,
      tensors: update.variables.map {
        NamedTensor(name: $0.name, shape: $0.shape, values: program.read($0.name))
      })
  }

  /// The steps and the memory of an update; nil if the engine does not show them.
  public var inspection: (any InspectableProgram)? { program.inspection }

  /// Draws the first values, one variable after the other: the state is never held a second time.
  private func begin(with initial: InitialWeights?) {
    for (index, variable) in update.variables.enumerated() {
      let isOfEncoder = variable.module == "encoder" && !update.isSlot(variable)
      let given = isOfEncoder ? initial?.tensors[variable.path]?.values : nil
      program.write(
        given ?? variable.firstValues(index: index, seed: recipe.seed), to: variable.name)
    }
  }

  private func load(_ state: TrainingState) throws(TrainingError) {
    let tensors = Dictionary(state.tensors.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    for variable in update.variables {
      guard let tensor = tensors[variable.name], tensor.shape == variable.shape else {
        throw .stateMismatch(tensor: variable.name)
      }
      // The loss alone would not tell: a rectifier makes 0 of what is not a number.
      guard tensor.isFinite else {
        throw .stateNotFinite(step: state.step, tensor: variable.name)
      }
      program.write(tensor.values, to: variable.name)
    }
  }
}

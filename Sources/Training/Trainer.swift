import NeuralNetworks
public import Recipes
public import TensorGraph
import Tensors

/// What one update measured.
public struct StepMetrics: Sendable, Hashable {
  /// The update's number, 0-based.
  public var step: Int
  /// The symmetrised loss, mean over the batch, in 0…8.
  public var loss: Double
  /// The mean cosine of prediction and projection over both directions: 1 − loss/4.
  public var cosine: Double { 1 - loss / 4 }
  /// The learning rate of this update.
  public var learningRate: Double
  /// τ of this update.
  public var tau: Double
}

/// Why training cannot start or go on.
public enum TrainingError: Error, Sendable, CustomStringConvertible {
  /// The loss of an update was infinite or not a number. The trainer's state is spoilt: go back to the last
  /// checkpoint.
  case lossNotFinite(step: Int)
  /// The engine could not compile or run the update.
  case engine(LoweringError)
  /// A state does not fit the recipe: the tensor that is missing or of another shape.
  case stateMismatch(tensor: String)

  /// One sentence for the log.
  public var description: String {
    switch self {
    case .lossNotFinite(let step):
      "The loss of step \(step) is not finite; a lower learning rate usually helps."
    case .engine(let error): "\(error)"
    case .stateMismatch(let tensor):
      "The checkpoint does not fit the recipe: \(tensor) is missing or has another shape."
    }
  }
}

/// Performs updates: the compiled graph of ``Update`` with a training state in its variables.
///
/// Not safe for concurrent use; one owner calls it from one thread at a time.
public final class Trainer {
  private let recipe: Recipe
  private let update: Update
  private let program: any Program
  /// Updates done, which is also the number (0-based) of the next one.
  public private(set) var step: Int

  /// Compiles the update and takes up `state`, or a fresh one.
  ///
  /// - Throws: `engine` if the graph does not compile, `stateMismatch` if the state is not the recipe's.
  public init(_ recipe: Recipe, state: TrainingState? = nil, lowering: any Lowering)
    throws(TrainingError)
  {
    self.recipe = recipe
    update = Update(recipe)
    do { program = try lowering.compile(update.graph) } catch { throw .engine(error) }
    step = state?.step ?? 0
    if let state { try load(state) } else { begin() }
  }

  /// One update on a batch of view pairs, each `[N, S, S, 3]` and normalised; `afterEachStep` is told each
  /// step's place in `steps` when it has ended, for profiles.
  ///
  /// - Throws: `lossNotFinite` or `engine`; the trainer is then spent.
  public func update(
    first: Span<Float>, second: Span<Float>, afterEachStep: (Int) -> Void = { _ in }
  ) throws(TrainingError) -> StepMetrics {
    let (learningRate, tau) = (recipe.learningRate(step: step), recipe.tau(step: step))
    program.write(channelsLast: first, to: "view 1")
    program.write(channelsLast: second, to: "view 2")
    program.write([Float(learningRate)], to: "learning rate")
    program.write([Float(tau)], to: "tau")
    do { try program.run(afterEachStep: afterEachStep) } catch { throw .engine(error) }
    let loss = Double(program.read("loss")[0])
    guard loss.isFinite else { throw .lossNotFinite(step: step) }
    defer { step += 1 }
    return StepMetrics(step: step, loss: loss, learningRate: learningRate, tau: tau)
  }

  /// The representations `[N, D]` of the last update's first views, row-major.
  public var representations: [Float] { program.read("representation") }

  /// A copy of everything that the updates have changed.
  public var state: TrainingState {
    TrainingState(
      step: step,
      tensors: update.variables.map {
        NamedTensor(name: $0.name, shape: $0.shape, values: program.read($0.name))
      })
  }

  /// The bytes of the arena in which an update's intermediate values live.
  public var arenaByteCount: Int { program.arenaByteCount }

  /// The bytes of everything that an update holds: the arena, the state, copies and scratch.
  public var byteCount: Int { program.byteCount }

  /// What an update does, in order.
  public var steps: [ProgramStep] { program.steps }

  /// Draws the first values, one variable after the other: the state is never held a second time.
  private func begin() {
    for (index, variable) in update.variables.enumerated() {
      program.write(variable.firstValues(index: index, seed: recipe.seed), to: variable.name)
    }
  }

  private func load(_ state: TrainingState) throws(TrainingError) {
    let tensors = Dictionary(state.tensors.map { ($0.name, $0) }, uniquingKeysWith: { $1 })
    for variable in update.variables {
      guard let tensor = tensors[variable.name], tensor.shape == variable.shape else {
        throw .stateMismatch(tensor: variable.name)
      }
      program.write(tensor.values, to: variable.name)
    }
  }
}

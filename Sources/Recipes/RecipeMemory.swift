import Images
import Methods
import NeuralNetworks
public import TensorGraph
import Tensors

extension Recipe {
  /// Batches of views in memory: one in use, the others rendered ahead.
  public static let batchesOfViews = 3
  /// What a training process holds besides: libraries, threads, the kernels' scratchpads. Bytes.
  private static let processByteCount = 96 << 20

  /// What one update takes, counted on its graph: nothing is compiled.
  public var updateSize: ProgramSize { ProgramSize(update.graph, precision: precision) }

  /// The memory of a training process in bytes, counted on the graph of an update: the program, the batches of views, and
  /// the copy of the state of which a checkpoint is written.
  public var trainingByteCount: Int { trainingByteCount(of: update) }

  /// The same, of an update that is recorded already.
  func trainingByteCount(of update: Update) -> Int {
    let pixels = learning.views.reduce(0) { $0 + $1.side * $1.side }
    let views = batchSize * channels * pixels * Precision.float32.byteCount
    return Recipe.processByteCount + programByteCount(of: update) + Recipe.batchesOfViews * views
      + (accumulation > 1 ? views : 0) + update.stateByteCount
  }

  /// The programs that are in memory at once, with what is between them.
  private func programByteCount(of update: Update) -> Int {
    var bytes = ProgramSize(update.graph, precision: precision).byteCount
    if accumulation > 1 {
      // The gradients of a part and their sum are outside both programs.
      let split = self.update(of: batchSize / accumulation, isSplit: true)
      bytes = [split.graph, split.application].compactMap(\.self).reduce(
        2 * update.learnedByteCount
      ) { $0 + ProgramSize($1, precision: precision).byteCount }
    }
    // Where the views grow, the smaller program hands its state to the larger one.
    guard let smaller = stages.dropLast().last?.recipe else { return bytes }
    return bytes + smaller.programByteCount(of: smaller.update)
  }
}

extension Update {
  /// Bytes of everything that an update changes.
  var stateByteCount: Int { byteCount(of: variables) }

  /// Bytes of what is learned.
  fileprivate var learnedByteCount: Int { byteCount(of: learned) }

  /// Bytes of the online encoder with its statistics.
  var encoderByteCount: Int {
    byteCount(of: variables.filter { $0.network == "online" && $0.module == "encoder" })
  }

  private func byteCount(of parameters: [Parameter]) -> Int {
    parameters.reduce(0) { $0 + $1.shape.elementCount } * Precision.float32.byteCount
  }
}

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
    return Recipe.processByteCount + ProgramSize(update.graph, precision: precision).byteCount
      + Recipe.batchesOfViews * batchSize * channels * pixels * Precision.float32.byteCount
      + update.stateByteCount
  }
}

extension Update {
  /// Bytes of everything that an update changes.
  var stateByteCount: Int { byteCount(of: variables) }

  /// Bytes of the online encoder with its statistics.
  var encoderByteCount: Int {
    byteCount(of: variables.filter { $0.network == "online" && $0.module == "encoder" })
  }

  private func byteCount(of parameters: [Parameter]) -> Int {
    parameters.reduce(0) { $0 + $1.shape.elementCount } * Precision.float32.byteCount
  }
}

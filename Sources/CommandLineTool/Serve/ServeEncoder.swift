import EmbeddingService
import TensorGraph
import Tensors

/// The pictures of one model that the service computes at once on `threads` threads. Two pictures on a thread each
/// take less time than one after the other on both, and no thread waits for another; but each worker holds the weights.
func embeddingWorkers(threads: Int) -> Int { min(threads, 4) }

/// What opens model files, each encoder computing on `threads` threads.
func encoderLoader(engine: Engine, threads: ThreadBudget, precision: Precision) -> EncoderLoader {
  EncoderLoader { path in
    try OpenedModel(
      reading: path, precision: precision,
      lowering: engine.lowering(threads: threads, precision: precision))
  }
}

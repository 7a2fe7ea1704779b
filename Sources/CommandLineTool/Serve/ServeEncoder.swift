import EmbeddingService
import Encoders
import OneDNNLowering
import TensorGraph
import Tensors

/// The pictures of one model that the service computes at once on `threads` threads. Two pictures on a thread each
/// take less time than one after the other on both, and no thread waits for another; but each holds the weights.
func embeddingWorkers(threads: Int) -> Int { min(threads, 4) }

/// What opens model files for the service, each worker computing on its part of the threads.
func encoderLoader(threads: Int, precision: Precision) -> EncoderLoader {
  let budget = ThreadBudget(threads / embeddingWorkers(threads: threads))
  return EncoderLoader(precision: precision) { modelFile in
    try EmbeddingEncoder(
      modelFile: modelFile, lowering: OneDNNLowering(threads: budget, precision: precision))
  }
}

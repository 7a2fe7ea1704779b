import Embeddings
import OneDNNLowering
import Tensors

/// What opens model files for the service, computing on some threads.
func encoderLoader(threads: Int) -> EncoderLoader {
  EncoderLoader { modelFile in
    try EmbeddingEncoder(
      modelFile: modelFile, lowering: OneDNNLowering(threads: ThreadBudget(threads)))
  }
}

import NeuralNetworks

extension EncoderConfiguration {
  /// Outputs of all convolutions for one view of one picture, in elements.
  ///
  /// Every convolution's output is kept for the gradients, and so is what batch norm makes of it.
  func convolutionOutputCount(imageSize: Int) -> Int {
    var side = stem == .cifar ? imageSize : (imageSize + 1) / 2
    var count = side * side * stageChannels
    if stem == .imagenet { side = (side + 1) / 2 }
    for (stage, blockCount) in blocks.enumerated() {
      if stage > 0 { side = (side + 1) / 2 }
      let inner = stageChannels << stage
      let outputsOfBlock = expansion == 1 ? 2 * inner : 2 * inner + inner * expansion
      let projection = inner * expansion
      count += side * side * (blockCount * outputsOfBlock + projection)
    }
    return count
  }

  /// An estimate of what a training process needs, in bytes: the activations of the online
  /// network's two views, and 256 MiB for weights, optimizer, target and pictures.
  func trainingByteCount(imageSize: Int, batchSize: Int) -> Int {
    let elements = convolutionOutputCount(imageSize: imageSize) * 2 * 2 * batchSize
    return elements * 4 + 256 << 20
  }
}

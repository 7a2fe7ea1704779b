import Encoders
import Images
import Methods
import Recipes

extension EncoderModel {
  /// The online encoder of a state of `update`, as it is published beside it; `run` is the run's name.
  init(_ recipe: Recipe, _ update: Update, _ state: TrainingState, run: String) {
    self.init(
      encoder: recipe.encoder, imageSize: recipe.embeddingSize,
      normalization: recipe.augmentations.normalization, tensors: state.encoder(of: update),
      provenance: ["byol.run": run, "byol.step": String(state.step)])
  }
}

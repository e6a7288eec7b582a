#:project ../../src/G2RL.Onnx
#:property PublishAot=false
using G2RL.Onnx.Rollouts.Generation;
using Microsoft.Extensions.AI;

// A model behind Microsoft.Extensions.AI: dotnet run docs/samples/chat-client.cs -- FOLDER
using IChatClient client = new PolicyChatClient(args[0]);
var options = new ChatOptions { Temperature = 0.7f, MaxOutputTokens = 64, Seed = 1 };
await foreach (var update in client.GetStreamingResponseAsync("1+2", options))
    Console.Write(update.Text);
Console.WriteLine();
